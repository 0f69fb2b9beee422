package iampolicy

import (
	"fmt"
	"regexp"
	"strings"
)

// leftovers are marks of templates that were not filled in. IAM has no meaning for any of them: it refuses them, or stores
// them and nothing ever matches. What IAM itself writes ${...} is for [checkVariables].
var leftovers = []struct {
	mark *regexp.Regexp
	of   string
}{
	{regexp.MustCompile(`\$\$\{`), "which is how a template of Terraform writes ${; write ${"},
	{regexp.MustCompile(`&\{`), "which only Terraform's aws_iam_policy_document reads; write ${"},
	{regexp.MustCompile(`\$\{!`), "which is how CloudFormation's Fn::Sub writes ${; write ${"},
	{regexp.MustCompile(`\{\{.*?\}\}`), "which a template (Helm, Jinja, CloudFormation) leaves where it is not filled in; write %s"},
	{regexp.MustCompile(`\{\{`), "which begins a value to fill in (Helm, Jinja, CloudFormation) and does not end it; write %s"},
	{regexp.MustCompile(`%\{[^}]*\}?`), "which is a directive of a Terraform template; write %s"},
	{regexp.MustCompile(`#\{[^}]*\}?`), "which a template leaves where it is not filled in; write %s"},
	{regexp.MustCompile(`<%.*?%>`), "which a template (ERB, EJS) leaves where it is not filled in; write %s"},
	{regexp.MustCompile(`\bOutput[<[]T[>\]]`), "which Pulumi writes where an output is used as a text; use Apply or pulumi.Sprintf"},
	{regexp.MustCompile(`<[A-Za-z][\w .:/-]*>`), "which stands in examples for a value of your own; write %s"},
	{regexp.MustCompile(`\$\([^)]*\)?`), "which a shell or a pipeline fills in and IAM does not; write %s"},
	// Without a _ it may be a version of AWS, such as $LATEST and $DEFAULT.
	{regexp.MustCompile(`\$[A-Z][A-Z0-9]*_[A-Z0-9_]*`), "which a shell fills in and IAM does not; write %s"},
	{regexp.MustCompile(`%!\w?\([^)]*\)?`), "which Go writes where a format and its arguments do not fit; write %s"},
}

// checkLeftovers refuses what a template leaves behind where it is not filled in.
func checkLeftovers(text string) error {
	for _, leftover := range leftovers {
		mark := leftover.mark.FindString(text)
		if mark == "" {
			continue
		}
		advice := leftover.of
		if strings.Contains(advice, "%s") {
			advice = fmt.Sprintf(advice, meant(mark))
		}
		return fmt.Errorf("%q has %s, %s", text, mark, advice)
	}
	for _, variable := range variables(text) {
		if origin := variable.template(); origin != "" {
			return fmt.Errorf("%q has %s, %s; write %s", text, variable.text, origin, meant(variable.text))
		}
	}
	return nil
}

// meant is what a placeholder most likely stands for.
func meant(placeholder string) string {
	name := strings.ToLower(placeholder)
	for _, word := range []struct{ part, value string }{
		{"partition", "the partition: aws, aws-cn, aws-us-gov or the like"},
		{"account", "the account: 12 digits"},
		{"region", "the region, such as eu-west-1"},
	} {
		if strings.Contains(name, word.part) {
			return word.value
		}
	}
	return "the value"
}

// variable is a ${...} in a text.
type variable struct {
	text string // the whole of it, with ${ and }
	key  string // what is in it
	open bool   // the } is missing
}

var (
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html: a condition key, or one of three
	// characters that would mean something else, and perhaps a value for the case that the key is missing.
	variablePattern = regexp.MustCompile(`^([*?$]|[A-Za-z0-9][\w./-]*:[A-Za-z][\w .:/=+@-]*?)(, *'[^']*')?$`)
	terraformName   = regexp.MustCompile(`^(var|local|data|module|each|path|self|count|terraform|aws_\w+)[.\[]`)
	// The last three look like global condition keys, and are none.
	serverlessName  = regexp.MustCompile(`^(self|opt|env|sls|param|cf|custom|file)[:(.]|^(?i:aws:(accountid|region|partition))$`)
	environmentName = regexp.MustCompile(`^[A-Za-z_]\w*(:?[-=?+].*)?$`)
	pulumiName      = regexp.MustCompile(`^[\w-]+([.\[].*)?$`)
)

func variables(text string) []variable {
	var all []variable
	for {
		_, rest, ok := strings.Cut(text, "${")
		if !ok {
			return all
		}
		key, after, closed := strings.Cut(rest, "}")
		v := variable{text: "${" + key + "}", key: key, open: !closed}
		if v.open {
			v.text = "${" + key
		}
		all = append(all, v)
		text = after
	}
}

func hasVariable(text string) bool { return strings.Contains(text, "${") }

// template says which template the variable is of, unless it is one that IAM could know.
func (v variable) template() string {
	switch {
	case serverlessName.MatchString(v.key):
		return "which the Serverless Framework fills in and IAM does not"
	case v.open || variablePattern.MatchString(v.key):
		return ""
	case strings.Contains(v.key, "AWS::"):
		return "which CloudFormation fills in and IAM does not"
	case terraformName.MatchString(v.key):
		return "which Terraform fills in and IAM does not"
	case environmentName.MatchString(v.key):
		return "which a shell or a template fills in and IAM does not"
	case pulumiName.MatchString(v.key):
		return "which a template fills in and IAM does not"
	default:
		return ""
	}
}

// checkVariables judges the form of policy variables where IAM reads them.
func checkVariables(text string) error {
	for _, v := range variables(text) {
		switch {
		case v.open:
			return fmt.Errorf("%q has ${ without the } that ends a policy variable", text)
		case v.key == "":
			return fmt.Errorf("%q has an empty policy variable; name a condition key in it, such as ${aws:username}", text)
		case v.key != strings.TrimSpace(v.key):
			return fmt.Errorf("%q has white space within ${ and }; write ${%s}", text, strings.TrimSpace(v.key))
		case !variablePattern.MatchString(v.key):
			return fmt.Errorf("%q has %s, which is no policy variable; its form is ${prefix:name} or ${prefix:name, 'default'}", text, v.text)
		}
	}
	return nil
}

// checkNoVariables is for what IAM takes literally: actions and principals.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-wheretouse
func checkNoVariables(text string) error {
	if hasVariable(text) {
		return fmt.Errorf("%q has a policy variable, which IAM reads in Resource and in the values of conditions only", text)
	}
	return nil
}

// checkVariablesKnown refuses policy variables in a document of the old version, which takes them literally, so that
// nothing ever matches: https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html
// (Variable unsupported in version).
func checkVariablesKnown(s Statement) error {
	return s.eachResourceAndValue(func(text string) error {
		if all := variables(text); len(all) > 0 {
			return fmt.Errorf("%q has %s, and IAM knows policy variables in documents with \"Version\": %q only", text, all[0].text, currentVersion)
		}
		return nil
	})
}
