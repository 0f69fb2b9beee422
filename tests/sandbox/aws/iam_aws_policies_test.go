package aws_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// AWS writes its own policies in every way that there is, and moto carries them. A document that the product refuses is refused
// to everybody who copies from them.
func TestThePolicyParserTakesWhateverAWSWrites(t *testing.T) {
	t.Parallel()
	program, err := os.ReadFile(motoServer)
	require.NoError(t, err)
	interpreter, _, _ := strings.Cut(strings.TrimPrefix(string(program), "#!"), "\n") // in which moto is
	output, err := exec.CommandContext(t.Context(), strings.TrimSpace(interpreter), "-c",
		"from moto.iam.aws_managed_policies import aws_managed_policies_data; print(aws_managed_policies_data)").Output()
	require.NoError(t, err)
	var policies map[string]struct{ Document json.RawMessage }
	require.NoError(t, json.Unmarshal(output, &policies))
	require.Greater(t, len(policies), 1400, "policies of AWS's own")
	for name, policy := range policies {
		document, err := iampolicy.Parse(string(policy.Document))
		if assert.NoError(t, err, name) {
			assert.NoError(t, document.ValidatePermissions(), name)
		}
	}
}
