package iampolicy_test

import (
	"fmt"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

func ExampleServiceAccountTrust() {
	policy := iampolicy.ServiceAccountTrust{
		Providers:       []string{"arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1"},
		ServiceAccounts: []iampolicy.ServiceAccountSubject{{Namespace: "payments", Name: "s3-backup"}},
	}
	text, err := policy.JSON()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(text)
	// Output:
	// {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1:aud":"sts.amazonaws.com","oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1:sub":"system:serviceaccount:payments:s3-backup"}}}]}
}

func ExampleDocument_JSON() {
	document := iampolicy.Document{Statements: []iampolicy.Statement{{
		Effect:    iampolicy.Allow,
		Actions:   iampolicy.Strings{"s3:*"},
		Resources: iampolicy.Strings{"arn:aws:s3:::my-test-bucket", "arn:aws:s3:::my-test-bucket/*"},
	}}}
	if err := document.ValidatePermissions(); err != nil {
		fmt.Println(err)
		return
	}
	text, err := document.JSON()
	fmt.Println(text, err)
	// Output:
	// {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::my-test-bucket","arn:aws:s3:::my-test-bucket/*"]}]} <nil>
}

func ExampleParse() {
	_, err := iampolicy.Parse(`{
	  "Version": "2012-10-17",
	  "Statement": [
	    {"effect": "Allow", "Action": "eks:DescribeCluster", "Resource": "*"},
	    {"Effect": "Allow", "Action": "DescribeCluster", "Resource": 7}
	  ]
	}`)
	fmt.Println(err)
	// Output:
	// Statement[0].effect: unknown element; known here (upper and lower case matter) are Sid, Effect, Principal, NotPrincipal, Action, NotAction, Resource, NotResource, Condition
	// Statement[0].Effect: is missing; use Allow or Deny
	// Statement[1].Resource: must be a string or a list of strings, is the number 7; put it in quotes
	// Statement[1].Action[0]: "DescribeCluster" is not an action; use "service:Action" or "*"
}

func ExampleValidateServiceAccounts() {
	err := iampolicy.ValidateServiceAccounts("serviceAccounts", []iampolicy.ServiceAccountSubject{
		{Namespace: "ci", Name: "runner-*"},
		{Namespace: "*", Name: "runner"},
		{Namespace: "ci", NamePattern: "runner-*"},
	})
	fmt.Println(err)
	// Output:
	// serviceAccounts[0].name: "runner-*" is a pattern; ask for it with namePattern
	// serviceAccounts[1].namespace: "*" is a pattern; a namespace is always named exactly
}

func ExampleParseIssuer() {
	fmt.Println(iampolicy.ParseIssuer("https://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1"))
	fmt.Println(iampolicy.ParseIssuer("http://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1"))
	// Output:
	// oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1 <nil>
	//  issuer "http://oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1" has the scheme "http"; it must be https
}

func ExampleDefaultRoleName() {
	fmt.Println(iampolicy.DefaultRoleName("payments", "s3-backup"))
	// Output:
	// eks-payments-s3-backup
}

func ExampleReviewTrust() {
	policy, err := iampolicy.Parse(`{"Version": "2012-10-17", "Statement": [{
		"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
		"Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1"},
		"Condition": {"StringLike": {"oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE1:sub": "system:serviceaccount:pay*:app"}}}]}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	review := iampolicy.ReviewTrust(policy, "111122223333")
	for _, trusted := range review.Trusted {
		fmt.Println(trusted.Kind, trusted.Name, trusted.Pattern)
	}
	for _, finding := range review.Findings {
		fmt.Println(finding.Level, finding.Kind)
	}
	// Output:
	// webIdentity system:serviceaccount:pay*:app true
	// wide no-audience
	// wide any-namespace
}
