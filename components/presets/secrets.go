package presets

// kmsForSecrets is where AWS documents what reading and writing a secret needs of its KMS key, read on 2026-11-26:
// https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html#security-encryption-authz
const (
	decrypt         = "kms:Decrypt"
	generateDataKey = "kms:GenerateDataKey"
)

// ExternalSecrets is the External Secrets Operator with Secrets Manager, Parameter Store or both.
type ExternalSecrets struct {
	// Secrets are ARNs of secrets of Secrets Manager. Behind the name stand the six characters that Secrets Manager chose, or
	// -?????? for them, or * behind the beginning of names: arn:aws:secretsmanager:eu-west-1:111122223333:secret:dev-*. Secrets or
	// Parameters are needed. Default: none.
	Secrets []string `json:"secrets"`
	// Parameters are ARNs of parameters of Parameter Store, or the beginning of names with * behind it. Default: none.
	Parameters []string `json:"parameters"`
	// Keys are the ARNs of the customer managed KMS keys that they are encrypted with. Default: none.
	Keys []string `json:"keys"`
	// Push adds what a PushSecret needs: to make, write, tag and delete the secrets and to write the parameters. Default: false.
	Push bool `json:"push"`
}

func (p ExternalSecrets) definition(in Scope) definition {
	secretArns, parameterArns := in.arns(secrets, p.Secrets...), in.arns(parameters, p.Parameters...)
	keyArns := in.arns(kmsKeys, p.Keys...)
	return definition{
		source: Source{
			"https://github.com/external-secrets/external-secrets/blob/v2.9.0/docs/provider/aws-secrets-manager.md", "v2.9.0",
		},
		accounts: []Account{{"external-secrets", "external-secrets"}},
		arguments: []argument{
			list("secrets", secrets, p.Secrets), list("parameters", parameters, p.Parameters), list("keys", kmsKeys, p.Keys),
		},
		err: atLeastOne("secrets", "secrets or parameters", p.Secrets, p.Parameters),
		inline: statements{"external-secrets": {
			only(len(p.Secrets) > 0, allow(everything, "secretsmanager:ListSecrets", "secretsmanager:BatchGetSecretValue")),
			allow(secretArns,
				"secretsmanager:GetResourcePolicy", "secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret",
				"secretsmanager:ListSecretVersionIds"),
			only(p.Push, allow(secretArns,
				"secretsmanager:CreateSecret", "secretsmanager:PutSecretValue", "secretsmanager:TagResource",
				"secretsmanager:DeleteSecret", "secretsmanager:PutResourcePolicy", "secretsmanager:DeleteResourcePolicy",
				"secretsmanager:ReplicateSecretToRegions", "secretsmanager:RemoveRegionsFromReplication")),
			// docs/provider/aws-parameter-store.md beside the source.
			allow(parameterArns, "ssm:GetParameter*"),
			only(p.Push, allow(parameterArns, "ssm:PutParameter*", "ssm:AddTagsToResource", "ssm:ListTagsForResource")),
			allow(keyArns, decrypt),
			only(p.Push, allow(keyArns, generateDataKey)),
		}},
	}
}

// SecretsStoreCSI is a pod that mounts secrets by the AWS provider of the Secrets Store CSI driver. The provider takes the
// identity of the pod, so the role's service accounts are the pods' own, and the preset has none.
type SecretsStoreCSI struct {
	// Secrets are ARNs of secrets of Secrets Manager, in the forms of [ExternalSecrets]. Secrets or Parameters are needed.
	// Default: none.
	Secrets []string `json:"secrets"`
	// Parameters are ARNs of parameters of Parameter Store, or the beginning of names with * behind it. Default: none.
	Parameters []string `json:"parameters"`
	// Keys are the ARNs of the customer managed KMS keys that they are encrypted with. Default: none.
	Keys []string `json:"keys"`
}

func (p SecretsStoreCSI) definition(in Scope) definition {
	return definition{
		source: Source{
			"https://github.com/aws/secrets-store-csi-driver-provider-aws/blob/" +
				"secrets-store-csi-driver-provider-aws-2.1.1/README.md#usage", "2.1.1",
		},
		arguments: []argument{
			list("secrets", secrets, p.Secrets), list("parameters", parameters, p.Parameters), list("keys", kmsKeys, p.Keys),
		},
		err: atLeastOne("secrets", "secrets or parameters", p.Secrets, p.Parameters),
		inline: statements{"secrets-store-csi": {
			allow(in.arns(secrets, p.Secrets...), "secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"),
			allow(in.arns(parameters, p.Parameters...), "ssm:GetParameters"),
			allow(in.arns(kmsKeys, p.Keys...), decrypt),
		}},
	}
}
