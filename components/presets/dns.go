package presets

// ExternalDNS keeps the records of Route 53 for Services, Ingresses and Gateways. Upstream's example covers every hosted zone;
// here the zones are named.
type ExternalDNS struct {
	// HostedZones are the IDs or ARNs of the hosted zones, one or more.
	HostedZones []string `json:"hostedZones"`
}

func (p ExternalDNS) definition(in Scope) definition {
	return definition{
		source: Source{
			"https://github.com/kubernetes-sigs/external-dns/blob/v0.22.0/docs/tutorials/aws.md#iam-policy", "v0.22.0",
		},
		accounts:  []Account{{"external-dns", "external-dns"}},
		arguments: []argument{requiredList("hostedZones", hostedZones, p.HostedZones)},
		inline: statements{"external-dns": {
			allow(in.arns(hostedZones, p.HostedZones...),
				"route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets", "route53:ListTagsForResources"),
			allow(everything, "route53:ListHostedZones"),
		}},
	}
}

// CertManager is cert-manager with DNS-01 challenges by Route 53; it may write TXT records only.
type CertManager struct {
	// HostedZones are the IDs or ARNs of the hosted zones, one or more.
	HostedZones []string `json:"hostedZones"`
}

func (p CertManager) definition(in Scope) definition {
	textRecords := when{"ForAllValues:StringEquals": {"route53:ChangeResourceRecordSetsRecordTypes": {"TXT"}}}
	return definition{
		source: Source{
			"https://cert-manager.io/docs/configuration/acme/dns01/route53/#set-up-an-iam-policy", "v1.21",
		},
		accounts:  []Account{{"cert-manager", "cert-manager"}},
		arguments: []argument{requiredList("hostedZones", hostedZones, p.HostedZones)},
		inline: statements{"cert-manager": {
			allow([]string{in.arn("route53", "", "change/*")}, "route53:GetChange"),
			allowWhen(textRecords, in.arns(hostedZones, p.HostedZones...),
				"route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets"),
			allow(everything, "route53:ListHostedZonesByName"),
		}},
	}
}

// PrivateCAIssuer is the AWS Private CA issuer of cert-manager, which EKS has as the add-on
// aws-privateca-connector-for-kubernetes. AWS's own policy AWSPrivateCAConnectorForKubernetesPolicy allows the same on every
// private CA; here they are named, as upstream advises.
type PrivateCAIssuer struct {
	// CertificateAuthorities are the ARNs of the private CAs, one or more.
	CertificateAuthorities []string `json:"certificateAuthorities"`
}

func (p PrivateCAIssuer) definition(in Scope) definition {
	return definition{
		source:    Source{"https://github.com/cert-manager/aws-privateca-issuer/blob/v1.9.0/README.md#configuration", "v1.9.0"},
		accounts:  []Account{{"aws-privateca-issuer", "aws-privateca-issuer"}},
		arguments: []argument{requiredList("certificateAuthorities", certificateAuthorities, p.CertificateAuthorities)},
		inline: statements{"private-ca-issuer": {
			allow(in.arns(certificateAuthorities, p.CertificateAuthorities...),
				"acm-pca:DescribeCertificateAuthority", "acm-pca:GetCertificate", "acm-pca:IssueCertificate"),
		}},
	}
}
