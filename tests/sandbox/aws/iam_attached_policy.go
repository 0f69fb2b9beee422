package aws

import (
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// checkDetached refuses to delete a managed policy that a user, group or role still has, which moto does without a word. A
// role keeps such a policy in moto for good then, as it can no longer be detached.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html
func (e *Endpoint) checkDetached(r *http.Request, req request) error {
	if req.action != "DeletePolicy" {
		return nil
	}
	given, err := parameters(r)
	if err != nil {
		return err
	}
	policy := given.Get("PolicyArn")
	parsed, err := arn.Parse(policy)
	if err != nil {
		return nil // moto says what is wrong
	}
	client := e.moto.iam(principal{partition: parsed.Partition, account: req.account})
	// moto's ListEntitiesForPolicy looks at the first 100 roles alone, and does not say so.
	found, err := client.GetPolicy(r.Context(), &iam.GetPolicyInput{PolicyArn: &policy})
	if missing(err) {
		return nil // so does it here
	}
	if err != nil {
		return fmt.Errorf("asking who has policy %s: %w", policy, err)
	}
	if aws.ToInt32(found.Policy.AttachmentCount) > 0 {
		return &apiError{http.StatusConflict, "DeleteConflict", "Cannot delete a policy attached to entities."}
	}
	return nil
}
