package presets_test

import (
	"fmt"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/presets"
)

func ExamplePoliciesOf() {
	externalDNS := presets.ExternalDNS{HostedZones: []string{"Z0123456789ABCDEFGHIJ"}}
	scope := presets.Scope{Partition: "aws-cn", AccountID: "111122223333", Regions: []string{"cn-north-1"}}
	policies, err := presets.PoliciesOf(externalDNS, scope)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(presets.ServiceAccountsOf(externalDNS))
	for _, statement := range policies.Inline["external-dns"].Statements {
		fmt.Printf("%s\n  on %s\n", strings.Join(statement.Actions, " "), strings.Join(statement.Resources, " "))
	}
	// Output:
	// [{external-dns external-dns}]
	// route53:ChangeResourceRecordSets route53:ListResourceRecordSets route53:ListTagsForResources
	//   on arn:aws-cn:route53:::hostedzone/Z0123456789ABCDEFGHIJ
	// route53:ListHostedZones
	//   on *
}

func ExampleValidate() {
	fmt.Println(presets.Validate(presets.Velero{Buckets: []string{"my-backups", "*"}}))
	// Output: buckets[1]: "*" is a pattern; name each bucket: its name, such as my-bucket, or its ARN, arn:aws:s3:::my-bucket
}
