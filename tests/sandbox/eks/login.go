package eks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"github.com/eks-irsa/pulumi-eks-irsa/tests/sandbox/aws"
)

// The names of the extra fields that EKS gives a user who logged in with IAM.
const (
	extraArn          = "arn"
	extraCanonicalArn = "canonicalArn"
	extraSessionName  = "sessionName"
	extraAccessKeyID  = "accessKeyId"
	extraPrincipalID  = "principalId"
)

// errNotMapped says that the cluster does not know the principal.
var errNotMapped = errors.New("no access entry and no line of aws-auth maps it to a Kubernetes user")

// login turns a token of `aws eks get-token` into a Kubernetes user.
type login struct {
	cluster *Cluster
	access  func(region, cluster, principalArn string) (aws.AccessEntry, bool)
}

// mapping is what a cluster knows about a principal; user and groups may hold templates.
type mapping struct {
	username string
	groups   []string
}

func (l *login) review(ctx context.Context, token string) authenticationv1.TokenReviewStatus {
	user, err := l.user(ctx, token)
	if err != nil {
		return authenticationv1.TokenReviewStatus{Error: err.Error()}
	}
	return authenticationv1.TokenReviewStatus{Authenticated: true, User: user}
}

func (l *login) user(ctx context.Context, token string) (authenticationv1.UserInfo, error) {
	endpoint, err := url.Parse(l.cluster.awsEndpoint)
	if err != nil {
		return authenticationv1.UserInfo{}, fmt.Errorf("the AWS endpoint %q is no URL: %w", l.cluster.awsEndpoint, err)
	}
	presigned, err := presignedURL(token, endpoint, time.Now())
	if err != nil {
		return authenticationv1.UserInfo{}, err
	}
	id, err := callerIdentity(ctx, presigned, l.cluster.Name)
	if err != nil {
		return authenticationv1.UserInfo{}, err
	}
	mapped, err := l.lookup(ctx, id)
	if err != nil {
		return authenticationv1.UserInfo{}, fmt.Errorf("mapping %s: %w", id.canonicalArn, err)
	}
	return authenticationv1.UserInfo{
		Username: id.render(mapped.username),
		UID:      "aws-iam-authenticator:" + id.accountID + ":" + id.principalID,
		Groups:   id.renderAll(mapped.groups),
		Extra: map[string]authenticationv1.ExtraValue{
			extraArn:          {id.arn},
			extraCanonicalArn: {id.canonicalArn},
			extraSessionName:  {id.sessionName},
			extraAccessKeyID:  {id.accessKeyID},
			extraPrincipalID:  {id.principalID},
		},
	}, nil
}

// lookup finds the principal's access entry or its line of aws-auth, as far as the cluster's authentication mode lets it.
// An access entry wins, so that a principal that has both has only what the entry says:
// https://docs.aws.amazon.com/eks/latest/userguide/grant-k8s-access.html
func (l *login) lookup(ctx context.Context, id identity) (mapping, error) {
	if entry, ok := l.cluster.accessEntry(l.access, id.canonicalArn); ok {
		return mapping{username: entry.Username, groups: entry.Groups}, nil
	}
	if l.cluster.currentMode() == "API" {
		return mapping{}, errNotMapped
	}
	client, err := kubernetes.NewForConfig(l.cluster.AdminConfig())
	if err != nil {
		return mapping{}, fmt.Errorf("creating a client: %w", err)
	}
	// Read at every login: a map in memory could not tell a line that was just added from one that is missing.
	configMap, err := client.CoreV1().ConfigMaps("kube-system").Get(ctx, "aws-auth", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return mapping{}, errNotMapped
	}
	if err != nil {
		return mapping{}, fmt.Errorf("reading aws-auth: %w", err)
	}
	return lookupAWSAuth(configMap.Data, id)
}

// accessEntry looks the entry of a principal up, unless the cluster has none.
func (c *Cluster) accessEntry(
	access func(region, cluster, principalArn string) (aws.AccessEntry, bool), principalArn string,
) (aws.AccessEntry, bool) {
	if c.currentMode() == "CONFIG_MAP" {
		return aws.AccessEntry{}, false
	}
	return access(c.Region, c.Name, principalArn)
}

// awsAuthLine is one entry of mapRoles or mapUsers:
// https://docs.aws.amazon.com/eks/latest/userguide/auth-configmap.html
type awsAuthLine struct {
	RoleArn  string   `json:"rolearn"`
	UserArn  string   `json:"userarn"`
	Username string   `json:"username"`
	Groups   []string `json:"groups"`
}

// lookupAWSAuth finds the principal in mapRoles, mapUsers or mapAccounts. ARNs are compared without case. The line of a
// role with a path never matches, because STS does not know the path; that trap is EKS's own, so it is kept. Of several lines in a
// key the last one counts, and what is of a wrong type in one is dropped. A key that is no YAML list does not spoil the others, but is
// named when nothing else matches.
func lookupAWSAuth(data map[string]string, id identity) (mapping, error) {
	var faults []error
	for _, key := range []string{"mapRoles", "mapUsers"} {
		lines, err := awsAuthLines(data[key])
		if err != nil {
			faults = append(faults, fmt.Errorf("aws-auth: %s: %w", key, err))
		}
		for _, line := range slices.Backward(lines) {
			arn := line.RoleArn
			if key == "mapUsers" {
				arn = line.UserArn
			}
			if strings.EqualFold(arn, id.canonicalArn) {
				return mapping{username: line.Username, groups: line.Groups}, nil
			}
		}
	}
	var accounts []string
	if err := yaml.Unmarshal([]byte(data["mapAccounts"]), &accounts); err != nil {
		faults = append(faults, fmt.Errorf("aws-auth: mapAccounts: %w", err))
	}
	for _, account := range accounts {
		if account == id.accountID {
			return mapping{username: id.canonicalArn}, nil
		}
	}
	return mapping{}, errors.Join(append([]error{errNotMapped}, faults...)...)
}

// awsAuthLines reads a key of aws-auth as aws-iam-authenticator does, with encoding/json.
// https://github.com/kubernetes-sigs/aws-iam-authenticator/blob/master/pkg/mapper/configmap/configmap.go
func awsAuthLines(text string) ([]awsAuthLine, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	document, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return nil, err
	}
	var lines []awsAuthLine
	err = json.Unmarshal(document, &lines)
	if misfit := (*json.UnmarshalTypeError)(nil); errors.As(err, &misfit) && misfit.Field != "" {
		err = nil // the rest of the line is kept
	}
	return lines, err
}

// render fills the templates of a user or group name in. {{SessionName}} has no @, which a user name may not have.
func (id identity) render(template string) string {
	return strings.NewReplacer(
		"{{AccountID}}", id.accountID,
		"{{SessionName}}", strings.ReplaceAll(id.sessionName, "@", "-"),
		"{{SessionNameRaw}}", id.sessionName,
		"{{AccessKeyID}}", id.accessKeyID,
		// The session of a node is called like its instance, and EC2 may name the instance so, too:
		// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/hostname-types.html
		"{{EC2PrivateDNSName}}", id.sessionName+".ec2.internal",
	).Replace(template)
}

func (id identity) renderAll(templates []string) []string {
	rendered := make([]string, len(templates))
	for i, template := range templates {
		rendered[i] = id.render(template)
	}
	return rendered
}
