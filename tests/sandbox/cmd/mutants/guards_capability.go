package main

const (
	managedFile            = "components/argocd_managed.go"
	capabilityFile         = "components/iampolicy/capability.go"
	capabilityEndpointFile = "tests/sandbox/aws/eks_capability.go"
	serviceFile            = "tests/sandbox/aws/sts_service.go"
)

// capabilityGuards are those of managed Argo CD.
var capabilityGuards = []guard{
	{
		"the service that a capability role trusts, and no other",
		[]edit{{capabilityFile, `Principal: &Principal{Service: Strings{capabilitiesService}}`, `Principal: &Principal{Service: Strings{capabilitiesService, podIdentityService}}`}},
		product("TestCapabilityTrust"),
	},
	{
		"the conditions of a capability role",
		[]edit{{capabilityFile, `Condition: t.Conditions,`, ``}},
		product("TestCapabilityTrust"),
	},
	{
		"the namespaces in which managed Argo CD may edit",
		[]edit{{managedFile, `{{Policy: "AmazonEKSEditPolicy", Namespaces: namespaces}}`, `{{Policy: "AmazonEKSEditPolicy"}}`}},
		program("TestArgoCDTargetOfManagedArgoCDHasTheLeastThatDeploys"),
	},
	{
		"the verbs with which managed Argo CD reads a cluster",
		[]edit{{managedFile, `[]string{"get", "list", "watch"}`, `[]string{"*"}`}},
		program("TestArgoCDTargetOfManagedArgoCDHasTheLeastThatDeploys"),
	},
	{
		"the access entry in the hub, which is EKS's own",
		[]edit{{managedFile, `ExistingEntry: b.args.InCluster,`, ``}},
		program("TestArgoCDTargetInTheHubOfManagedArgoCDLeavesTheEntryToEKS"),
	},
	{
		"the refusal of a role that managed Argo CD would not assume",
		[]edit{{managedFile, `found.Refuse(args.RoleArn != nil, "roleArn", noSecondRole)`, ``}},
		program("TestArgoCDTargetOfManagedArgoCDRefuses"),
	},
	{
		"the access entry that managed Argo CD has to have in a cluster",
		[]edit{{capabilityEndpointFile, `if _, ok := e.AccessEntry(target.Region, target.Name, roleArn); !ok {`, `if false {`}},
		endpoint("TestWhomACapabilityReaches"),
	},
	{
		"the trust policy without which EKS does not assume a capability role",
		[]edit{{serviceFile, `if err != nil || decision != iameval.Allowed {`, `if err != nil || decision == iameval.Denied {`}},
		endpoint("TestWhomACapabilityReaches"),
	},
}
