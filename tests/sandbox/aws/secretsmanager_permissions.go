package aws

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/eks-irsa/pulumi-eks-irsa/components/iampolicy"
)

// secretActions are the actions of Secrets Manager that are about one secret, which SecretId names.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html
var secretActions = map[string]bool{
	"DeleteSecret": true, "DescribeSecret": true, "GetSecretValue": true, "ListSecretVersionIds": true,
	"PutSecretValue": true, "RestoreSecret": true, "UpdateSecret": true,
}

// secretNeeds maps calls of Secrets Manager.
func (m *moto) secretNeeds(r *http.Request, req request) (needs []need, known bool, err error) {
	if r.URL.Path != "/" || r.Header.Get("X-Amz-Target") != "secretsmanager."+req.action {
		return nil, false, nil
	}
	n := need{action: "secretsmanager:" + req.action, resource: "*"}
	if req.action == "ListSecrets" {
		return []need{n}, true, nil
	}
	if !secretActions[req.action] {
		return nil, false, nil
	}
	body, err := peekBody(r)
	if err != nil {
		return nil, false, err
	}
	var given map[string]json.RawMessage // a struct would take "secretid", too
	var id string
	if json.Unmarshal(body, &given) != nil || json.Unmarshal(given["SecretId"], &id) != nil {
		return nil, false, nil
	}
	n.resource, err = m.secretArn(r.Context(), req, id)
	return []need{n}, err == nil, err
}

// secretArn returns the ARN of a secret, which ends in six characters that the name does not tell. Of a secret that does
// not exist it is the ARN without them.
func (m *moto) secretArn(ctx context.Context, req request, id string) (string, error) {
	body, err := json.Marshal(map[string]string{"SecretId": id})
	if err != nil {
		return "", err
	}
	ask, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url+"/", bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	ask.Header.Set("Content-Type", "application/x-amz-json-1.1")
	ask.Header.Set("X-Amz-Target", "secretsmanager.DescribeSecret")
	ask.Header.Set("Authorization", sigV4+" Credential=sandbox/20260101/"+req.region+"/secretsmanager/aws4_request")
	ask.Header.Set(motoAccount, req.account)
	response, err := m.transport.RoundTrip(ask)
	if err != nil {
		return "", fmt.Errorf("looking up the secret %q: %w", id, err)
	}
	var found struct{ ARN string }
	decoded := json.NewDecoder(response.Body).Decode(&found)
	if err := response.Body.Close(); err != nil {
		return "", fmt.Errorf("looking up the secret %q: %w", id, err)
	}
	switch {
	case decoded == nil && found.ARN != "":
		return found.ARN, nil
	case strings.HasPrefix(id, "arn:"):
		return id, nil
	}
	return iampolicy.ARN{
		Partition: partitionOf(req.region), Service: "secretsmanager", Region: req.region, Account: req.account,
		Resource: "secret:" + id,
	}.String(), nil
}
