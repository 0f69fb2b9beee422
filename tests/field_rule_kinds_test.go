package tests

import (
	"fmt"
	"slices"
	"strings"
)

func tagRules(path string, most int, beside string) []fieldRule {
	return []fieldRule{
		{
			path,
			example{one(text(129), "x"), "." + text(129), "the key has 129 characters; AWS allows 128"},
			example{one("a&b", "x"), ".a&b", `the key "a&b"` + noTagHas},
			one(text(128), "x"),
		},
		{
			path,
			example{one("a", text(257)), ".a", "the value has 257 characters; AWS allows 256"},
			example{one("a", "x;y"), ".a", `the value "x;y"` + noTagHas},
			one("a", text(256)),
		},
		{
			path,
			example{counted(most + 1), "", fmt.Sprintf("there are %d, and %d is the most that AWS puts on a resource%s", 51-strings.Count(beside, "owner"), 50-strings.Count(beside, "owner"), beside)},
			example{one("AWS:name", "x"), ".AWS:name", `the key "AWS:name" begins with aws:, which AWS keeps for itself`},
			counted(most),
		},
	}
}

func labelRules(path string) []fieldRule {
	long := "example.com/" + text(64)
	return []fieldRule{
		{
			path,
			example{one(long, "x"), "." + long, fmt.Sprintf("of the key %q, the name: %s", long, inKubernetes(64, 63))},
			example{one("team!", "x"), ".team!", `"team!"` + useKey},
			one("example.com/"+text(63), "x"),
		},
		{
			path,
			example{one("team", text(64)), ".team", inKubernetes(64, 63)},
			example{one("team", "a b"), ".team", `"a b"` + useValue},
			one("team", text(63)),
		},
	}
}

func annotationRules(path string) []fieldRule {
	return []fieldRule{{
		path,
		example{one("team", text(256*1024-3)), "", "have 262145 bytes in all; Kubernetes allows an object 262144"},
		example{one("te am", "x"), ".te am", `"te am"` + useKey},
		one("team", text(256*1024-4)),
	}}
}

func roleRules(path string) []fieldRule {
	return append([]fieldRule{
		{
			path + ".path",
			example{"/" + text(511) + "/", "", "role path has 513 characters; at most 512 are allowed"},
			example{"/te ams/", "", `role path "/te ams/" must begin and end with a slash and have no empty part or white space, like "/teams/payments/"`},
			"/" + text(510) + "/",
		},
		{
			path + ".description",
			example{text(1001), "", "has 1001 characters, IAM allows 1000"},
			example{"an app – mine", "", "has the character '–', which IAM does not allow there; use letters, digits, marks and accents of Western European languages (Latin-1)"},
			strings.Repeat("ä", 1000),
		},
		{
			path + ".maxSessionDuration",
			example{43201, "", "session duration of 43201 s is out of range; use 3600 to 43200 s (1 to 12 hours)"},
			example{3599, "", "session duration of 3599 s is out of range; use 3600 to 43200 s (1 to 12 hours)"},
			43200,
		},
		{
			path + ".permissionsBoundary", example{text(129), "", notAPolicy(text(129))}, example{"a b", "", notAPolicy("a b")}, text(128),
		},
	}, tagRules(path+".tags", 49, "")...)
}

func notAPolicy(name string) string {
	return fmt.Sprintf("%q is neither the name of one of AWS's own policies, such as ReadOnlyAccess or service-role/AmazonEBSCSIDriverPolicy, nor an ARN", name)
}

// iamName is the rule of a name in IAM.
func iamName(path, what string, most int) fieldRule {
	return fieldRule{
		path,
		example{text(most + 1), "", fmt.Sprintf("%s %q has %d characters; at most %d are allowed", what, text(most+1), most+1, most)},
		example{"a b", "", what + ` "a b"` + iamForbids},
		text(most),
	}
}

// objects is the rule of a list of names of objects in Kubernetes.
func objects(path, kind string) fieldRule {
	return fieldRule{
		path,
		example{[]any{text(254)}, "[0]", inKubernetes(254, 253)},
		example{[]any{"Server"}, "[0]", `"Server" is not ` + kind + useObject},
		[]any{text(253)},
	}
}

func subnets(path string) fieldRule {
	wrong := func(id string) example {
		return example{[]any{id}, "[0]", fmt.Sprintf("%q is not the ID of a subnet such as subnet-0a1b2c3d4e5f67890", id)}
	}
	return fieldRule{path, wrong("subnet-0a1b2c3d4e5f678901"), wrong("subnet-a"), []any{"subnet-0a1b2c3d4e5f67890"}}
}

func notACluster(name string) string {
	return fmt.Sprintf("%q is not the name of an EKS cluster; use up to 100 letters, digits, - and _, and begin with a letter or a digit", name)
}

func podRoleRules(path string) []fieldRule {
	allow := map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}}
	rules := append(roleRules(path),
		fieldRule{path + ".maxTrustPolicySize", example{}, example{2047, "", "2047 is less than 2048, which IAM allows every account; give the quota that the account was raised to"}, 2048},
		fieldRule{
			path + ".managedPolicies", example{[]any{text(129)}, "[0]", notAPolicy(text(129))}, example{[]any{"a b"}, "[0]", notAPolicy("a b")}, []any{text(128)},
		})
	for _, kind := range []string{".inlinePolicies", ".customerManagedPolicies"} {
		rules = append(rules, fieldRule{
			path + kind,
			example{one(text(129), allow), "." + text(129), fmt.Sprintf("policy name %q has 129 characters; at most 128 are allowed", text(129))},
			example{one("a b", allow), ".a b", `policy name "a b"` + iamForbids},
			one(text(128), allow),
		})
	}
	return rules
}

func podRules(path string) []fieldRule {
	const image = "public.ecr.aws/aws-cli/aws-cli:2.36.49"
	tolerations := func(key, value any) []any {
		return []any{map[string]any{"key": key, "value": value, "operator": "Equal", "effect": "NoSchedule"}}
	}
	word := func(word, value string) []any { return []any{map[string]any{"key": "a", word: value}} }
	rules := []fieldRule{
		{
			path + ".image",
			example{text(256), "", fmt.Sprintf("%q has a name of 256 characters; registries allow 255", text(256))},
			example{"Registry/App", "", `"Registry/App" is not an image reference such as ` + image},
			text(255) + ":" + text(128) + "@sha256:" + text(64),
		},
		objects(path+".imagePullSecrets", "a secret"),
		{
			path + ".timeoutSeconds",
			example{2147483633, "", "2147483633 is more than 2147483632, which is as far as Kubernetes counts"},
			example{14, "", "14 is less than 15"},
			15,
		},
		{
			path + ".tolerations[].key",
			example{tolerations(text(64), "x"), "[0].key", fmt.Sprintf("of the key %q, the name: %s", text(64), inKubernetes(64, 63))},
			example{tolerations("a b", "x"), "[0].key", `"a b"` + useKey},
			tolerations(text(63), "x"),
		},
		{
			path + ".tolerations[].value",
			example{tolerations("a", text(64)), "[0].value", inKubernetes(64, 63)},
			example{tolerations("a", "x y"), "[0].value", `"x y"` + useValue},
			tolerations("a", text(63)),
		},
		{
			path + ".tolerations[].operator", example{}, example{word("operator", "In"), "[0].operator", `"In" is neither "Equal" nor "Exists"`}, word("operator", "Exists"),
		},
		{
			path + ".tolerations[].effect",
			example{},
			example{word("effect", "Never"), "[0].effect", `"Never" is none of ["NoSchedule" "PreferNoSchedule" "NoExecute"]`},
			word("effect", "NoExecute"),
		},
	}
	return slices.Concat(rules, labelRules(path+".nodeSelector"), labelRules(path+".labels"), annotationRules(path+".annotations"))
}

func testPodRules(path string) []fieldRule {
	return append(podRules(path), fieldRule{
		path + ".check",
		example{text(131061), "", "has 131061 bytes; a pod passes on 131060, so put a longer program into the image"},
		example{"true\x00", "", "has a byte 0, which no command can have"},
		text(131060),
	})
}
