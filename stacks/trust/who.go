package trust

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"text/tabwriter"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// ReviewedRole is an IAM role of whatever origin, with who may assume it.
type ReviewedRole struct {
	Name string `json:"name"`
	Arn  string `json:"arn"`
	iampolicy.TrustReview
}

// Unreadable is the finding that a trust policy could not be read, so that nothing is known of who may assume the role.
const Unreadable iampolicy.FindingKind = "unreadable"

// iamRole is a role as IAM describes it.
type iamRole struct {
	RoleName, Arn            string
	AssumeRolePolicyDocument json.RawMessage
}

// Review reviews the roles in what the AWS CLI prints of them: aws iam get-role, list-roles or get-account-authorization-details, one
// or several after each other.
func Review(in io.Reader) ([]ReviewedRole, error) {
	var roles []ReviewedRole
	decoder := json.NewDecoder(in)
	for {
		var answer struct {
			Role                  *iamRole
			Roles, RoleDetailList []iamRole
		}
		err := decoder.Decode(&answer)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading what IAM says of roles, as aws iam get-role and list-roles print it: %w", err)
		}
		found := append(answer.Roles, answer.RoleDetailList...)
		if answer.Role != nil {
			found = append(found, *answer.Role)
		}
		for _, role := range found {
			roles = append(roles, role.review())
		}
	}
	if len(roles) == 0 {
		return nil, errors.New("there is no role in it: what aws iam get-role, list-roles or get-account-authorization-details prints is expected")
	}
	return roles, nil
}

func (role iamRole) review() ReviewedRole {
	reviewed := ReviewedRole{Name: role.RoleName, Arn: role.Arn}
	arn, err := iampolicy.ParseARN(role.Arn)
	var policy iampolicy.Document
	if err == nil {
		policy, err = role.trustPolicy()
	}
	if err != nil {
		reviewed.Findings = []iampolicy.Finding{{
			Kind: Unreadable, Level: iampolicy.Open, Message: "nothing is known of who may assume the role: " + strings.ReplaceAll(err.Error(), "\n", "; "),
		}}
		return reviewed
	}
	reviewed.TrustReview = iampolicy.ReviewTrust(policy, arn.Account)
	if arn.IsServiceLinkedRole() {
		reviewed.Findings = nil // its service wrote the policy, and no other can change it
	}
	return reviewed
}

// trustPolicy reads the policy, which the AWS CLI prints as an object and IAM itself as a text of a URL.
func (role iamRole) trustPolicy() (iampolicy.Document, error) {
	var escaped string
	if json.Unmarshal(role.AssumeRolePolicyDocument, &escaped) != nil {
		return iampolicy.Parse(string(role.AssumeRolePolicyDocument))
	}
	text, err := url.PathUnescape(escaped)
	if err != nil {
		return iampolicy.Document{}, err
	}
	return iampolicy.Parse(text)
}

// WhoText is the review for a terminal: who may assume each role, and the findings last.
func WhoText(roles []ReviewedRole) string {
	var out strings.Builder
	table := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprint(table, "ROLE\tWHO MAY ASSUME IT\tHOW\tIF\n")
	findings := 0
	for _, role := range roles {
		findings += len(role.Findings)
		if len(role.Trusted) == 0 {
			_, _ = fmt.Fprintf(table, "%s\t-\t-\t-\n", role.Name)
		}
		for _, trusted := range role.Trusted {
			who, how := describe(trusted)
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", role.Name, who, how, orDash(strings.Join(trusted.If, "; ")))
		}
	}
	_ = table.Flush()
	if findings == 0 {
		out.WriteString("\nFINDINGS: none\n")
		return out.String()
	}
	out.WriteString("\nFINDINGS\n")
	for _, level := range []iampolicy.FindingLevel{iampolicy.Open, iampolicy.Wide, iampolicy.Note} {
		for _, role := range roles {
			for _, finding := range role.Findings {
				if finding.Level == level {
					_, _ = fmt.Fprintf(table, "%s\t%s\t%s\tstatement %d: %s\n", level, role.Name, finding.Kind, finding.Statement, finding.Message)
				}
			}
		}
	}
	_ = table.Flush()
	return out.String()
}

// describe says who is trusted, and how they come.
func describe(trusted iampolicy.Trusted) (who, how string) {
	who = trusted.Name
	if trusted.Account != "" {
		who += " of account " + trusted.Account
	}
	how = hows[trusted.Kind]
	if trusted.Kind == iampolicy.WebIdentity {
		if account, is := strings.CutPrefix(who, "system:serviceaccount:"); is {
			who, how = strings.Replace(account, ":", "/", 1), "IRSA"
		}
		who += " of " + trusted.Issuer
	}
	if trusted.Pattern {
		how += ", pattern"
	}
	if trusted.AnyCase {
		how += ", any case"
	}
	return who, how
}

// hows are how those who are trusted come.
var hows = map[iampolicy.TrustedKind]string{
	iampolicy.Everyone:           "everyone",
	iampolicy.WholeAccount:       "whole account",
	iampolicy.AWSPrincipal:       "AssumeRole",
	iampolicy.AWSService:         "service",
	iampolicy.PodIdentityAccount: "EKS Pod Identity",
	iampolicy.WebIdentity:        "web identity",
	iampolicy.SAMLUser:           "SAML",
	iampolicy.FederatedUser:      "web identity",
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
