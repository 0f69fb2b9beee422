package presets

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/fielderr"
	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// argument is the value of a preset's argument, with what it has to be.
type argument struct {
	path   fielderr.Path
	kind   kind
	values []string
	// isList is false of an argument that is one text.
	isList, isRequired bool
}

func list(path fielderr.Path, kind kind, values []string) argument {
	return argument{path: path, kind: kind, values: values, isList: true}
}

func requiredList(path fielderr.Path, kind kind, values []string) argument {
	return argument{path: path, kind: kind, values: values, isList: true, isRequired: true}
}

func one(path fielderr.Path, kind kind, value string) argument {
	if value == "" {
		return argument{path: path, kind: kind}
	}
	return argument{path: path, kind: kind, values: []string{value}}
}

func requiredOne(path fielderr.Path, kind kind, value string) argument {
	argument := one(path, kind, value)
	argument.isRequired = true
	return argument
}

func (a argument) at(index int) fielderr.Path {
	if !a.isList {
		return a.path
	}
	return a.path.Index(index)
}

func (a argument) validate() error {
	switch {
	case len(a.values) == 0 && a.isRequired && a.isList:
		return fielderr.At(a.path, fmt.Errorf("name at least one %s: %s", a.kind.name, a.kind.form))
	case len(a.values) == 0 && a.isRequired:
		return fielderr.At(a.path, fmt.Errorf("is missing; give the %s: %s", a.kind.name, a.kind.form))
	}
	var found fielderr.List
	for i, text := range a.values {
		found.Add(a.at(i), cmp.Or(a.kind.validate(text), fielderr.Duplicate(a.values, i)))
	}
	return found.Err()
}

// atLeastOne refuses arguments of which none is given.
func atLeastOne(path fielderr.Path, all string, given ...[]string) error {
	if slices.ContainsFunc(given, func(values []string) bool { return len(values) > 0 }) {
		return nil
	}
	return fielderr.At(path, fmt.Errorf("is missing; the role would allow nothing without %s", all))
}

// kind is a kind of resource, in AWS's own terms.
type kind struct {
	// name and form are for messages: "hosted zone", "its ID, such as ..., or its ARN".
	name, form string
	// id is the form of an ID or name that stands for the ARN, or nil where the ARN has to be given.
	id *regexp.Regexp
	// service is the ARN's, or "" of what has none.
	service string
	// before is what stands before the ID in the ARN's resource.
	before string
	// resource is the form of the ARN's resource.
	resource *regexp.Regexp
	// isGlobal is of ARNs that have no region, isOwnerless of those that have no account either.
	isGlobal, isOwnerless bool
}

func (k kind) validate(text string) error {
	if k.service == "" || !strings.HasPrefix(text, "arn:") {
		if k.id != nil && k.id.MatchString(text) && !strings.Contains(text, "..") {
			return nil
		}
		return k.wrong(text)
	}
	arn, err := iampolicy.ParseARN(text)
	if err != nil || arn.Service != k.service || !k.resource.MatchString(arn.Resource) ||
		(arn.Region == "") != k.isGlobal || (arn.Account == "") != k.isOwnerless {
		return k.wrong(text)
	}
	return nil
}

func (k kind) wrong(text string) error {
	if strings.ContainsAny(text, "*?") && k.service != "" {
		return fmt.Errorf("%q is a pattern; name each %s: %s", text, k.name, k.form)
	}
	return fmt.Errorf("%q is not a %s; give %s", text, k.name, k.form)
}

// arns are the ARNs of what is named, in the order given.
func (in Scope) arns(k kind, texts ...string) []string {
	var arns []string
	for _, text := range texts {
		switch {
		case strings.HasPrefix(text, "arn:"):
			arns = append(arns, text)
		case k.isOwnerless:
			arns = append(arns, in.arn(k.service, "", k.before+text))
		default:
			arns = append(arns, in.regional(k.service, k.before+text)...)
		}
	}
	return arns
}

// The forms of names and IDs are those of the services' APIs.
var (
	hostedZones = kind{
		name: "hosted zone", form: "its ID, such as Z0123456789ABCDEFGHIJ, or its ARN",
		id: regexp.MustCompile(`^Z[0-9A-Z]{1,31}$`), service: "route53", before: "hostedzone/",
		resource: regexp.MustCompile(`^hostedzone/Z[0-9A-Z]{1,31}$`), isGlobal: true, isOwnerless: true,
	}
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
	buckets = kind{
		name: "bucket", form: "its name, such as my-bucket, or its ARN, arn:aws:s3:::my-bucket",
		id: regexp.MustCompile(`^` + bucketName + `$`), service: "s3",
		resource: regexp.MustCompile(`^` + bucketName + `$`), isGlobal: true, isOwnerless: true,
	}
	directoryBuckets = kind{
		name: "directory bucket", form: "its name, such as my-bucket--euw1-az1--x-s3, or its ARN",
		id: regexp.MustCompile(`^` + directoryBucketName + `$`), service: "s3express", before: "bucket/",
		resource: regexp.MustCompile(`^bucket/` + directoryBucketName + `$`),
	}
	kmsKeys = kind{
		name: "KMS key", form: "its ARN with its ID, arn:aws:kms:<region>:<account>:key/<id>, as IAM matches no aliases",
		service:  "kms",
		resource: regexp.MustCompile(`^key/(mrk-[0-9a-f]{32}|[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12})$`),
	}
	// https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_examples.html
	secrets = kind{
		name: "secret", form: "its ARN with the six characters that Secrets Manager puts behind the name, or -?????? for them, or " +
			"the beginning of names with * behind it: arn:aws:secretsmanager:<region>:<account>:secret:<name>-??????",
		service:  "secretsmanager",
		resource: regexp.MustCompile(`^secret:[/_+=.@!-]*[A-Za-z0-9][A-Za-z0-9/_+=.@!-]*(-[A-Za-z0-9]{6}|-\?{6}|\*)$`),
	}
	parameters = kind{
		name: "parameter", form: "its ARN, or the beginning of names with * behind it: arn:aws:ssm:<region>:<account>:parameter/<name>",
		service: "ssm", resource: regexp.MustCompile(`^parameter/[/_.-]*[A-Za-z0-9][A-Za-z0-9/_.-]*\*?$`),
	}
	queues = kind{
		name: "queue", form: "its ARN, arn:aws:sqs:<region>:<account>:<name>",
		service: "sqs", resource: regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}(\.fifo)?$`),
	}
	tables = kind{
		name: "table", form: "its ARN, arn:aws:dynamodb:<region>:<account>:table/<name>",
		service: "dynamodb", resource: regexp.MustCompile(`^table/[A-Za-z0-9_.-]{3,255}$`),
	}
	streams = kind{
		name: "data stream", form: "its ARN, arn:aws:kinesis:<region>:<account>:stream/<name>",
		service: "kinesis", resource: regexp.MustCompile(`^stream/[A-Za-z0-9_.-]{1,128}$`),
	}
	deliveryStreams = kind{
		name: "Firehose stream", form: "its ARN, arn:aws:firehose:<region>:<account>:deliverystream/<name>",
		service: "firehose", resource: regexp.MustCompile(`^deliverystream/[A-Za-z0-9_.-]{1,64}$`),
	}
	logGroups = kind{
		name: "log group", form: "its name, such as /eks/my-cluster, or its ARN, or the beginning of names with * behind it",
		id: regexp.MustCompile(`^` + logGroupName + `$`), service: "logs", before: "log-group:",
		resource: regexp.MustCompile(`^log-group:` + logGroupName + `$`),
	}
	fileSystems = kind{
		name: "file system", form: "its ID, such as fs-0123456789abcdef0, or its ARN",
		id: regexp.MustCompile(`^fs-[0-9a-f]{8,40}$`), service: "elasticfilesystem", before: "file-system/",
		resource: regexp.MustCompile(`^file-system/fs-[0-9a-f]{8,40}$`),
	}
	clusters = kind{
		name: "cluster", form: "its name, up to 100 letters, digits, - and _, beginning with a letter or a digit",
		id: regexp.MustCompile(`^[0-9A-Za-z][A-Za-z0-9_-]{0,99}$`),
	}
	roles = kind{
		name: "role", form: "its ARN, arn:aws:iam::<account>:role/<name>", service: "iam",
		resource: regexp.MustCompile(`^role/([!-.0-~]+/)*[A-Za-z0-9_+=,.@-]{1,64}$`), isGlobal: true,
	}
	workspaces = kind{
		name: "workspace", form: "its ID, such as ws-12345678-abcd-1234-abcd-123456789012, or its ARN",
		id: regexp.MustCompile(`^ws-[0-9a-z-]{1,64}$`), service: "aps", before: "workspace/",
		resource: regexp.MustCompile(`^workspace/ws-[0-9a-z-]{1,64}$`),
	}
	targetGroups = kind{
		name: "target group", form: "its ARN, arn:aws:elasticloadbalancing:<region>:<account>:targetgroup/<name>/<id>",
		service: "elasticloadbalancing", resource: regexp.MustCompile(`^targetgroup/[A-Za-z0-9-]{1,32}/[0-9a-f]{16}$`),
	}
	certificateAuthorities = kind{
		name: "private CA", form: "its ARN, arn:aws:acm-pca:<region>:<account>:certificate-authority/<id>",
		service: "acm-pca", resource: regexp.MustCompile(`^certificate-authority/[0-9a-f-]{36}$`),
	}
)

const (
	bucketName = `[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]`
	// logGroupName is a name, or the beginning of one with something in it that tells groups apart.
	logGroupName        = `[_/.#-]*[A-Za-z0-9][A-Za-z0-9_/.#-]{0,511}\*?`
	directoryBucketName = `[a-z0-9][a-z0-9-]{1,40}--[a-z0-9-]+--x-s3`
)
