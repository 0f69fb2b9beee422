package tests

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/stacks"
)

// everyField is a configuration with a right value in every field that takes a text, a number, a list or a map of these.
const everyField = `
tags: {environment: dev}
owner: acme/platform/dev
testPodDefaults: {timeoutSeconds: 90}
clusters:
  hub:
    aliases: [old-hub]
    name: dev-hub
    region: eu-west-1
    profile: dev
    assumeRole: {roleArn: 'arn:aws:iam::111122223333:role/deployer', sessionName: pulumi}
    namespaces: [payments]
    oidcProvider: {clientIds: [sts.amazonaws.com], thumbprints: ['9e99a48a9960b14926bb7f3b02e22da2b0ab7280']}
    access:
      admins:
        aliases: [old-admins]
        principalArn: arn:aws:iam::111122223333:role/admins
        username: admin
        kubernetesGroups: [admins]
        policies: [{policy: AmazonEKSViewPolicy, namespaces: [default]}]
      nodes: {principalArn: 'arn:aws:iam::111122223333:role/nodes', type: EC2_LINUX}
  edge:
    region: us-east-1
    create:
      version: '1.34'
      instanceType: m7g.large
      minSize: 1
      maxSize: 3
      desiredCapacity: 2
      vpcId: vpc-0a1b2c3d
      publicSubnetIds: [subnet-00000001, subnet-00000002]
      privateSubnetIds: [subnet-00000003]
      authenticationMode: API
buckets:
  backup: {aliases: [old-backup], name: acme-backup, cluster: hub, objects: {readme.txt: hello}}
roles:
  app:
    aliases: [old-app]
    clusters: [hub]
    serviceAccounts:
    - {namespace: payments, name: app, mode: create, labels: {team: a}, annotations: {team: a}, tokenExpirationSeconds: 3600}
    - {namespace: payments, namePattern: 'job-*', mode: trustOnly}
    identity: irsa
    name: app
    path: /teams/
    description: An app.
    maxSessionDuration: 3600
    permissionsBoundary: arn:aws:iam::111122223333:policy/boundary
    tags: {team: a}
    maxTrustPolicySize: 4096
    managedPolicies: [ReadOnlyAccess]
    acknowledge: [everyAction]
    inlinePolicies: {one: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 's3:*', Resource: '*'}]}}
    customerManagedPolicies: {two: {Version: '2012-10-17', Statement: [{Effect: Allow, Action: 's3:*', Resource: '*'}]}}
    testPod: {check: 'true'}
  prefixed: {namePrefix: app-, clusters: [hub], serviceAccounts: [{namespace: payments, name: prefixed}]}
argocd:
  hub: hub
  namespace: argocd
  roleName: argocd
  identity: both
  acknowledge: [longSession]
  serviceAccounts: [argocd-server]
  serviceAccountMode: create
  testPod: {check: 'true'}
  targets:
    edge:
      aliases: [old-edge]
      cluster: edge
      role: {name: argocd-edge}
      access: {kubernetesGroups: [viewers], username: 'argocd:edge', via: accessEntry, policies: [{policy: AmazonEKSViewPolicy, namespaces: [default]}]}
      displayName: Edge
      project: default
      namespaces: [default]
      shard: 1
      serverName: edge.example.com
      proxyUrl: http://proxy.example.com:3128
      secretName: edge
      labels: {team: a}
      annotations: {team: a}
`

// example is a value of a field that is refused: at says where below the field, and want why.
type example struct {
	value    any
	at, want string
}

// fieldRule is what a field refuses, and what it takes just so. Of words and references there is nothing too long.
type fieldRule struct {
	path           string
	tooLong, wrong example
	limit          any
}

func text(length int) string { return strings.Repeat("a", length) }

// list is that many distinct values.
func list(length int, format string) []any {
	values := make([]any, length)
	for i := range values {
		values[i] = fmt.Sprintf(format, i)
	}
	return values
}

func counted(length int) map[string]any {
	values := map[string]any{}
	for i := range length {
		values["key"+strconv.Itoa(i)] = "value"
	}
	return values
}

const (
	noTagHas   = " has a character that no tag can have; use letters, digits, spaces and _ . : / = + - @"
	iamForbids = " has a character that IAM does not allow; use letters, digits or _+=,.@-"
	useLabel   = "; use lower case letters, digits and hyphens"
	useObject  = "; use lower case letters, digits, hyphens and dots"
	useKey     = " is not a key such as app or app.kubernetes.io/name; use letters, digits, -, _ and ., and begin and end with a letter or a digit"
	useValue   = " is not the value of a label; use letters, digits, -, _ and ., and begin and end with a letter or a digit"
	badKeyIn   = ` becomes part of names; use letters, digits, ., _ and -, and begin with a letter, a digit or _`
	notPrinted = " has characters that cannot be printed, such as line breaks"
)

func inKubernetes(length, limit int) string {
	return fmt.Sprintf("%q has %d characters; Kubernetes allows %d", text(length), length, limit)
}

// one is a map of one entry.
func one(key string, value any) map[string]any { return map[string]any{key: value} }

func fieldRules() []fieldRule {
	undeclared := `cluster "x" is not declared; declared are ["edge" "hub"]`
	vpc := func(id string) string {
		return fmt.Sprintf("%q is not the ID of a VPC such as vpc-0a1b2c3d4e5f67890", id)
	}
	bucket := func(name string) string {
		return fmt.Sprintf("%q is not a bucket name (3 to 63 lower-case letters, digits, . and -)", name)
	}
	account := "roles.app.serviceAccounts[0]"
	target := "argocd.targets.edge"
	admins := "clusters.hub.access.admins"
	noPattern := func(namespace string) string {
		return fmt.Sprintf("%q is neither a namespace (up to 63 lower-case letters, digits and -) nor a pattern of some, such as dev-*", namespace)
	}
	return slices.Concat([]fieldRule{
		{"owner", example{text(257), "", "the value has 257 characters; AWS allows 256"}, example{"a & b", "", `the value "a & b"` + noTagHas}, text(256)},

		{"clusters.hub.name", example{text(101), "", notACluster(text(101))}, example{"a.b", "", notACluster("a.b")}, text(100)},
		{"clusters.hub.region", example{}, example{"eu west 1", "", `"eu west 1" is not an AWS region such as eu-west-1`}, "eu-central-2"},
		{
			"clusters.hub.profile",
			example{},
			example{"my profile", "", `"my profile" is not the name of an AWS profile, which has no white space, brackets or quotes`},
			"a.b/c@d",
		},
		{
			"clusters.hub.assumeRole.roleArn",
			example{"arn:aws:iam::111122223333:role/" + text(65), "", fmt.Sprintf("role name %q has 65 characters; at most 64 are allowed", text(65))},
			example{"arn:aws:iam::111122223333:user/x", "", `"arn:aws:iam::111122223333:user/x" is not the ARN of an IAM role`},
			"arn:aws:iam::111122223333:role/" + text(64),
		},
		iamName("clusters.hub.assumeRole.sessionName", "session name", 64),
		{
			"clusters.hub.namespaces",
			example{[]any{"payments", text(64)}, "[1]", inKubernetes(64, 63)},
			example{[]any{"payments", "a.b"}, "[1]", `"a.b" is not a namespace` + useLabel},
			[]any{"payments", text(63)},
		},
		{
			"clusters.hub.oidcProvider.clientIds",
			example{[]any{"sts.amazonaws.com", text(256)}, "[1]", "has 256 characters; IAM allows 255"},
			example{[]any{"sts.amazonaws.com", "a\nb"}, "[1]", `"a\nb"` + notPrinted},
			[]any{"sts.amazonaws.com", text(255)},
		},
		{
			"clusters.hub.oidcProvider.clientIds",
			example{append(list(100, "id%d"), "sts.amazonaws.com"), "", "there are 101; IAM allows 100"},
			example{[]any{"x"}, "", `must contain "sts.amazonaws.com", the audience of the pods' tokens`},
			append(list(99, "id%d"), "sts.amazonaws.com"),
		},
		{
			"clusters.hub.oidcProvider.thumbprints",
			example{list(6, "%040d"), "", "there are 6; IAM allows 5"},
			example{[]any{"xyz"}, "[0]", `"xyz" is not a SHA-1 fingerprint of 40 hexadecimal digits`},
			list(5, "%040d"),
		},

		{
			admins + ".principalArn",
			example{"arn:aws:iam::111122223333:role/" + text(65), "", fmt.Sprintf("role name %q has 65 characters; at most 64 are allowed", text(65))},
			example{"arn:aws:iam::111122223333:group/x", "", `"arn:aws:iam::111122223333:group/x" is neither the ARN of an IAM role nor that of a user`},
			"arn:aws:iam::111122223333:role/" + text(64),
		},
		{
			admins + ".principalArn",
			example{"arn:aws:iam::111122223333:user/" + text(65), "", fmt.Sprintf("user name %q has 65 characters; at most 64 are allowed", text(65))},
			example{"arn:aws:iam::111122223333:user/a b", "", `"arn:aws:iam::111122223333:user/a b" is not an ARN: the resource is "user/a b"; it should be printable, without white space, and not empty`},
			"arn:aws:iam::444455556666:user/teams/" + text(64),
		},
		{
			"clusters.hub.access.nodes.type",
			example{},
			example{"EC2_BSD", "", `"EC2_BSD" is none of the types of access entries ["STANDARD" "EC2_LINUX" "EC2_WINDOWS" "FARGATE_LINUX" "HYBRID_LINUX" "EC2" "HYPERPOD_LINUX"]`},
			"HYBRID_LINUX",
		},
		{admins + ".kubernetesGroups", example{}, example{[]any{"a\nb"}, "[0]", `"a\nb"` + notPrinted}, []any{"the admins: all"}},
		{admins + ".username", example{}, example{"a\nb", "", `"a\nb"` + notPrinted}, "admin:{{SessionName}}"},
		{
			admins + ".policies[].policy",
			example{},
			example{[]any{one("policy", "Amazon EKS View")}, "[0].policy", `"Amazon EKS View" is not an EKS access policy such as AmazonEKSViewPolicy`},
			[]any{one("policy", "AmazonEKSEditPolicy")},
		},
		{
			admins + ".policies[].namespaces",
			example{[]any{map[string]any{"policy": "AmazonEKSViewPolicy", "namespaces": []any{text(64)}}}, "[0].namespaces[0]", noPattern(text(64))},
			example{[]any{map[string]any{"policy": "AmazonEKSViewPolicy", "namespaces": []any{"a.b"}}}, "[0].namespaces[0]", noPattern("a.b")},
			[]any{map[string]any{"policy": "AmazonEKSViewPolicy", "namespaces": []any{text(63)}}},
		},

		{"clusters.edge.create.version", example{}, example{"v1.34", "", `"v1.34" is not a version of Kubernetes such as "1.34"`}, "1.35"},
		{"clusters.edge.create.instanceType", example{}, example{"m7g large", "", `"m7g large" is not an EC2 instance type such as m7g.large`}, "u-6tb1.metal"},
		{"clusters.edge.create.minSize", example{4, "", "4 is more than maxSize, 3"}, example{-1, "", "-1 is less than 0"}, 0},
		{"clusters.edge.create.maxSize", example{}, example{0, "", "0 is less than 1"}, 2},
		{
			"clusters.edge.create.desiredCapacity", example{4, "", "4 is not from minSize to maxSize, 1 to 3"}, example{0, "", "0 is not from minSize to maxSize, 1 to 3"}, 3,
		},
		{"clusters.edge.create.vpcId", example{"vpc-0a1b2c3d4e5f678901", "", vpc("vpc-0a1b2c3d4e5f678901")}, example{"vpc-xyz", "", vpc("vpc-xyz")}, "vpc-0a1b2c3d4e5f67890"},
		subnets("clusters.edge.create.publicSubnetIds"),
		subnets("clusters.edge.create.privateSubnetIds"),
		{"clusters.edge.create.authenticationMode", example{}, example{"BOTH", "", `"BOTH" is none of API, API_AND_CONFIG_MAP and CONFIG_MAP`}, "API_AND_CONFIG_MAP"},

		{"buckets.backup.name", example{text(64), "", bucket(text(64))}, example{"a_b", "", bucket("a_b")}, text(63)},
		{"buckets.backup.cluster", example{}, example{"x", "", undeclared}, "edge"},
		{
			"buckets.backup.objects",
			example{one(text(1025), "x"), "." + text(1025), "the key has 1025 bytes; S3 allows 1024"},
			example{one("a\nb", "x"), `."a\nb"`, "is a key with characters that cannot be seen, such as line breaks"},
			one(text(1024), "x"),
		},

		{"roles.app.clusters", example{}, example{[]any{"x"}, "[0]", undeclared}, []any{"edge"}},
		{account + ".namespace", example{text(64), "", inKubernetes(64, 63)}, example{"a.b", "", `"a.b" is not a namespace` + useLabel}, text(63)},
		{account + ".name", example{text(254), "", inKubernetes(254, 253)}, example{"App", "", `"App" is not a service account` + useObject}, text(253)},
		{
			"roles.app.serviceAccounts[1].namePattern",
			example{text(253) + "*", "", fmt.Sprintf("%q has 254 characters; Kubernetes allows 253", text(253)+"*")},
			example{"Job-*", "", `"Job-*" has a character that no service account has; use lower case letters, digits, hyphens, dots, * and ?`},
			text(252) + "*",
		},
		{account + ".mode", example{}, example{"adopt", "", `"adopt" is none of "create", "import", "patch" and "trustOnly"`}, "patch"},
		{account + ".tokenExpirationSeconds", example{86401, "", "86401 is not within 600 to 86400"}, example{599, "", "599 is not within 600 to 86400"}, 86400},
		identities("roles.app.identity", "irsa"),
		{account + ".clusters", example{}, example{[]any{"edge"}, "[0]", `"edge" is none of the role's clusters ["hub"]`}, []any{"hub"}},
		{
			"roles.app.trustConditions",
			example{},
			example{map[string]any{"Equals": map[string]any{"aws:PrincipalOrgID": "o-1"}}, ".Equals", "is not a condition operator"},
			map[string]any{"StringEquals": map[string]any{"aws:PrincipalOrgID": []any{"o-1", "o-2"}}},
		},
		iamName("roles.app.name", "role name", 64),
		iamName("roles.prefixed.namePrefix", "role name prefix", 38),

		{"argocd.hub", example{}, example{"x", "", undeclared}, "hub"},
		{"argocd.namespace", example{text(64), "", inKubernetes(64, 63)}, example{"Argo", "", `"Argo" is not a namespace` + useLabel}, text(63)},
		identities("argocd.identity", "podIdentity"),
		iamName("argocd.roleName", "role name", 64),
		objects("argocd.serviceAccounts", "a service account"),
		{"argocd.serviceAccountMode", example{}, example{"adopt", "", `"adopt" is none of "create", "import", "patch" and "trustOnly"`}, "patch"},

		{target + ".cluster", example{}, example{"x", "", undeclared}, "edge"},
		{target + ".displayName", example{}, example{"a\tb", "", `"a\tb"` + notPrinted}, "The edge, müde"},
		{target + ".project", example{text(254), "", inKubernetes(254, 253)}, example{"My Project", "", `"My Project" is not a project of Argo CD` + useObject}, text(253)},
		{
			target + ".namespaces",
			example{[]any{text(64)}, "[0]", inKubernetes(64, 63)},
			example{[]any{"team-*"}, "[0]", `"team-*" is not a namespace` + useLabel},
			[]any{text(63)},
		},
		{target + ".shard", example{}, example{-1, "", "-1 is negative"}, 0},
		{
			target + ".serverName",
			example{text(64), "", fmt.Sprintf("%q is not a name that a certificate can have, such as kubernetes.example.com", text(64))},
			example{"a_b", "", `"a_b" is not a name that a certificate can have, such as kubernetes.example.com`},
			text(63),
		},
		{
			target + ".proxyUrl",
			example{"http://proxy/path", "", `"http://proxy/path" has something behind the host and port of the proxy`},
			example{
				"ftp://proxy", "",
				`"ftp://proxy" is not the URL of a proxy that Argo CD can use, such as http://proxy.example.com:3128; the scheme is http, https or socks5`,
			},
			"socks5://proxy",
		},
		{target + ".secretName", example{text(254), "", inKubernetes(254, 253)}, example{"Edge", "", `"Edge" is not a secret` + useObject}, text(253)},
		iamName(target+".role.name", "role name", 64),
		{target + ".access.via", example{}, example{"rbac", "", `"rbac" is neither accessEntry nor aws-auth`}, "accessEntry"},
		{
			target + ".access.policies[].policy",
			example{},
			example{[]any{one("policy", "Amazon EKS View")}, "[0].policy", `"Amazon EKS View" is not an EKS access policy such as AmazonEKSViewPolicy`},
			[]any{one("policy", "AmazonEKSEditPolicy")},
		},
		{
			target + ".access.policies[].namespaces",
			example{[]any{map[string]any{"policy": "AmazonEKSViewPolicy", "namespaces": []any{text(64)}}}, "[0].namespaces[0]", fmt.Sprintf("%q is neither a namespace (up to 63 lower-case letters, digits and -) nor a pattern of some, such as dev-*", text(64))},
			example{[]any{map[string]any{"policy": "AmazonEKSViewPolicy", "namespaces": []any{"a.b"}}}, "[0].namespaces[0]", `"a.b" is neither a namespace (up to 63 lower-case letters, digits and -) nor a pattern of some, such as dev-*`},
			[]any{map[string]any{"policy": "AmazonEKSViewPolicy", "namespaces": []any{text(63)}}},
		},
		{target + ".access.kubernetesGroups", example{}, example{[]any{"a\nb"}, "[0]", `"a\nb"` + notPrinted}, []any{"the viewers: all"}},
		{target + ".access.username", example{}, example{"a\nb", "", `"a\nb"` + notPrinted}, "argocd:{{SessionName}}"},
	},
		tagRules("tags", 49, " beside eks-irsa/owner"), podRules("testPodDefaults"),
		podRoleRules("roles.app"), testPodRules("roles.app.testPod"), labelRules(account+".labels"), annotationRules(account+".annotations"),
		podRoleRules("argocd"), testPodRules("argocd.testPod"),
		labelRules(target+".labels"), annotationRules(target+".annotations"), roleRules(target+".role"),
	)
}

// elsewhere are the fields whose rules have tests of their own.
var elsewhere = map[string]string{
	"include":                     "TestAConfigurationRefusesFilesThatItCannotInclude",
	"clusters.*.aliases":          "TestConfigRefusesClustersAndBuckets",
	"clusters.*.access.*.aliases": "TestConfigRefusesAccessEntries",
	"buckets.*.aliases":           "TestConfigRefusesClustersAndBuckets",
	"roles.*.aliases":             "TestConfigRefusesRoles",
	"roles.*.preset":              "TestConfigRefusesPresets",
	"argocd.targets.*.aliases":    "TestConfigRefusesArgoCD",
	"argocd.roleNamePrefix":       "TestConfigRefusesTheHubRole",
	"argocd.targets.*.roleArn":    "TestConfigRefusesArgoCD",

	"argocd.managed.roleArn":                  "TestConfigRefusesManagedArgoCD",
	"argocd.managed.role.name":                "TestConfigRefusesManagedArgoCD",
	"argocd.managed.role.path":                "TestConfigRefusesManagedArgoCD",
	"argocd.managed.role.description":         "TestConfigRefusesManagedArgoCD",
	"argocd.managed.role.maxSessionDuration":  "TestConfigRefusesManagedArgoCD",
	"argocd.managed.role.permissionsBoundary": "TestConfigRefusesManagedArgoCD",
	"argocd.managed.role.tags":                "TestConfigRefusesManagedArgoCD",
	"argocd.managed.role.managedPolicies":     "TestConfigRefusesManagedArgoCD",
	"argocd.managed.role.trustConditions":     "TestConfigRefusesManagedArgoCD",
}

func fullConfig(t *testing.T, path string, value any) map[string]string {
	t.Helper()
	values := platformConfig(t, everyField)
	config := fromJSON(t, values["eks-irsa:platform"])
	if path != "" {
		put(t, config, strings.Split(strings.ReplaceAll(path, "[", ".["), "."), value)
	}
	encoded, err := json.Marshal(config)
	require.NoError(t, err)
	return map[string]string{"eks-irsa:platform": string(encoded)}
}

// put sets a value deep in what was decoded from JSON. Of "x[].y" the whole list is the value.
func put(t *testing.T, in any, path []string, value any) {
	t.Helper()
	key, rest := path[0], path[1:]
	if items, is := in.([]any); is {
		index, err := strconv.Atoi(strings.Trim(key, "[]"))
		require.NoError(t, err)
		put(t, items[index], rest, value)
		return
	}
	object, is := in.(map[string]any)
	require.True(t, is, "%s is in a map", key)
	if len(rest) == 0 || rest[0] == "[]" {
		object[key] = value
		return
	}
	if object[key] == nil {
		object[key] = map[string]any{}
	}
	put(t, object[key], rest, value)
}

func TestConfigJudgesEveryFieldByTheRulesOfItsReceiver(t *testing.T) {
	t.Parallel()
	for i, rule := range fieldRules() {
		field, _, _ := strings.Cut(rule.path, "[].")
		for name, refused := range map[string]example{"too long": rule.tooLong, "wrong": rule.wrong} {
			if refused.want == "" {
				continue
			}
			t.Run(fmt.Sprintf("%d %s, %s", i, rule.path, name), func(t *testing.T) {
				t.Parallel()
				refusedInput(t, "invalid configuration:\nplatform."+field+refused.at+": "+refused.want, stacks.Platform,
					withConfig(fullConfig(t, rule.path, refused.value)))
			})
		}
		t.Run(fmt.Sprintf("%d %s, at the limit", i, rule.path), func(t *testing.T) {
			t.Parallel()
			_, err := stacks.ParseConfig(fullConfig(t, rule.path, rule.limit)["eks-irsa:platform"], "")
			require.NoError(t, err)
		})
	}
}

func TestConfigHasRulesForEveryField(t *testing.T) {
	t.Parallel()
	_, err := stacks.ParseConfig(fullConfig(t, "", nil)["eks-irsa:platform"], "")
	require.NoError(t, err, "the configuration with every field is right")
	judged := map[string]bool{}
	for _, rule := range fieldRules() {
		require.NotEmpty(t, rule.wrong.want, rule.path)
		require.NotNil(t, rule.limit, rule.path)
		judged[rule.path] = true
	}
	for _, field := range fieldsOf(reflect.TypeFor[stacks.Config](), "") {
		isJudged := elsewhere[field] != ""
		for path := range judged {
			isJudged = isJudged || matches(field, path)
		}
		assert.True(t, isJudged, "the field %s has its rules in the table", field)
	}
}

// fieldsOf are the paths of a type's texts, numbers, lists and maps of these, with * for the keys and [] for the places in lists.
func fieldsOf(of reflect.Type, path string) []string {
	below := func(name string) string { return strings.TrimPrefix(path+"."+name, ".") }
	switch of.Kind() {
	case reflect.Pointer:
		return fieldsOf(of.Elem(), path)
	case reflect.Struct:
		var found []string
		for i := range of.NumField() {
			switch field := of.Field(i); {
			case field.Anonymous:
				found = append(found, fieldsOf(field.Type, path)...)
			case field.Tag.Get("json") != "-":
				found = append(found, fieldsOf(field.Type, below(field.Tag.Get("json")))...)
			}
		}
		return found
	case reflect.Map:
		if of.Elem().Kind() == reflect.Struct {
			return fieldsOf(of.Elem(), below("*"))
		}
		return []string{path}
	case reflect.Slice:
		if of.Elem().Kind() == reflect.Struct {
			return fieldsOf(of.Elem(), path+"[]")
		}
		return []string{path}
	case reflect.Bool:
		return nil
	default:
		return []string{path}
	}
}

// matches reports whether a path is that of a field.
func matches(field, path string) bool {
	names, keys := strings.Split(field, "."), strings.Split(path, ".")
	return slices.EqualFunc(names, keys, func(name, key string) bool {
		plain, _, _ := strings.Cut(name, "[")
		written, _, _ := strings.Cut(key, "[")
		return name == "*" || plain == written
	})
}
