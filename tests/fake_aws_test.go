package tests

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// awsPolicies are the policies of AWS's own that there are, below arn:aws:iam::aws:policy/.
var awsPolicies = []string{
	"AmazonS3ReadOnlyAccess", "PowerUserAccess", "ReadOnlyAccess", "service-role/AmazonEBSCSIDriverPolicy", "job-function/ViewOnlyAccess",
	"AmazonEBSCSIDriverPolicyV2", "AmazonS3FullAccess", "service-role/AmazonEFSCSIDriverPolicy",
}

// completedAt is when every Job completes.
const completedAt = "2026-01-31T12:00:00Z"

// readState is what there is of that ID before the program runs.
func (r *recorder) readState(id string) resource.PropertyMap {
	for _, found := range r.oidcProviders {
		if found["arn"].StringValue() == id {
			return found
		}
	}
	return resource.PropertyMap{}
}

// state is what a resource's outputs are: its inputs and what AWS adds.
func (r *recorder) state(added registration) resource.PropertyMap {
	state := added.Inputs.Copy()
	set := func(key resource.PropertyKey, format string, args ...any) {
		state[key] = resource.NewStringProperty(fmt.Sprintf(format, args...))
	}
	text := func(key resource.PropertyKey) string { return plain(added.Inputs[key], "") }
	owner, partition := r.accountOf(added.Provider), r.partitionOf(added.Provider)
	switch added.TypeToken {
	case roleType:
		name := text("name")
		if name == "" {
			name = text("namePrefix") + "20250101000000000000000001"
			set("name", "%s", name)
		}
		path := plain(added.Inputs["path"], "/")
		set("arn", "arn:%s:iam::%s:role%s%s", partition, owner, path, name)
		set("uniqueId", "AROA%X", sha256.Sum256([]byte(path+name)))
	case policyType:
		set("arn", "arn:%s:iam::%s:policy%s%s", partition, owner, plain(added.Inputs["path"], "/"), text("name"))
	case iamProviderType:
		issuer := strings.TrimPrefix(text("url"), "https://")
		set("arn", "arn:%s:iam::%s:oidc-provider/%s", partition, owner, issuer)
		set("url", "%s", issuer) // IAM gives it back without the scheme
	case accessEntryType:
		set("accessEntryArn", "arn:%s:eks:eu-west-1:%s:access-entry/%s/role/%s/x", partition, owner, text("clusterName"), owner)
	case bucketType:
		set("arn", "arn:%s:s3:::%s", partition, text("bucket"))
	case jobType: // the Kubernetes provider waits for it
		if added.Name != r.unfinished {
			state["status"] = resource.NewPropertyValue(map[string]any{"succeeded": 1, "completionTime": completedAt})
		}
	case eksClusterType:
		set("arn", "arn:%s:eks:eu-west-1:%s:cluster/%s", partition, owner, text("name"))
		set("endpoint", "%s", createdEndpoint)
		state["certificateAuthority"] = resource.NewPropertyValue(map[string]any{"data": caData})
		state["identities"] = resource.NewPropertyValue([]any{
			map[string]any{"oidcs": []any{map[string]any{"issuer": "https://" + createdIssuer}}},
		})
	}
	return state
}

// Call records an invoke and answers it.
func (r *recorder) Call(args pulumi.MockCallArgs) (resource.PropertyMap, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.invokes = append(r.invokes, args)
	if err := r.invokeErrors[args.Token]; err != nil {
		left, passes := r.passing[args.Token]
		if !passes {
			return nil, err
		}
		if left > 0 {
			r.passing[args.Token]--
			return nil, err
		}
	}
	switch args.Token {
	case getCallerIdentity:
		owner := r.accountOf(args.Provider)
		return resource.NewPropertyMapFromMap(map[string]any{
			"accountId": owner, "id": owner, "userId": "AIDAEXAMPLE",
			"arn": fmt.Sprintf("arn:%s:iam::%s:user/deployer", r.partitionOf(args.Provider), owner),
		}), nil
	case getCluster:
		name := args.Args["name"].StringValue()
		if found, ok := r.clusters[name]; ok {
			return found, nil
		}
		return nil, fmt.Errorf("reading EKS Cluster (%s): couldn't find resource", name)
	case getClusters:
		names := slices.Sorted(maps.Keys(r.clusters))
		return resource.NewPropertyMapFromMap(map[string]any{"id": "eu-west-1", "names": names}), nil
	case getAddon:
		return r.addon(args.Args["clusterName"].StringValue(), args.Args["addonName"].StringValue())
	case getOpenIDConnectProvider:
		url := args.Args["url"].StringValue()
		if found, ok := r.oidcProviders[url]; ok {
			return found, nil
		}
		return nil, fmt.Errorf("finding IAM OIDC Provider by url (%s): not found", url)
	case getPartition:
		return resource.NewPropertyMapFromMap(map[string]any{"partition": r.partitionOf(args.Provider)}), nil
	case getPolicy:
		arn := args.Args["arn"].StringValue()
		if slices.Contains(awsPolicies, arn[strings.Index(arn, "/")+1:]) {
			return resource.NewPropertyMapFromMap(map[string]any{"arn": arn}), nil
		}
		return nil, fmt.Errorf("reading IAM Policy (%s): couldn't find resource", arn)
	case getServiceQuota:
		return r.serviceQuota(r.accountOf(args.Provider), args.Args["serviceCode"].StringValue(), args.Args["quotaCode"].StringValue())
	default:
		if answer, ok := r.answers[args.Token]; ok {
			return answer, nil
		}
		return nil, errors.New("unexpected invoke of " + args.Token)
	}
}

// addon is the add-on of a cluster: the agent of EKS Pod Identity where there is one, or what the program has made.
func (r *recorder) addon(cluster, name string) (resource.PropertyMap, error) {
	made := slices.ContainsFunc(r.registrations, func(added registration) bool {
		return added.TypeToken == addonType && plain(added.Inputs["clusterName"], "") == cluster && plain(added.Inputs["addonName"], "") == name
	})
	if made || name == podIdentityAgent && slices.Contains(r.agents, cluster) {
		return resource.NewPropertyMapFromMap(map[string]any{"clusterName": cluster, "addonName": name}), nil
	}
	return nil, fmt.Errorf("reading EKS Add-On (%s:%s): couldn't find resource", cluster, name)
}

// iamQuotas are AWS's defaults of IAM's quotas, by their codes.
var iamQuotas = map[string]float64{trustPolicySizeCode: 2048, managedPoliciesCode: 10}

const trustPolicySizeCode, managedPoliciesCode = "L-C07B4B0D", "L-0DA4ABF3"

func (r *recorder) serviceQuota(account, service, code string) (resource.PropertyMap, error) {
	value, known := iamQuotas[code]
	if service != "iam" || !known {
		return nil, fmt.Errorf("getting Default Service Quota for (%s/%s): couldn't find resource", service, code)
	}
	if raised, is := r.quotas[account+"/"+code]; is {
		value = raised
	}
	return resource.NewPropertyMapFromMap(map[string]any{"serviceCode": service, "quotaCode": code, "value": value}), nil
}

func (r *recorder) accountOf(provider string) string {
	if known, ok := r.accounts[providerName(provider)]; ok {
		return known
	}
	return account
}

func (r *recorder) partitionOf(provider string) string {
	if known, ok := r.partitions[providerName(provider)]; ok {
		return known
	}
	return r.partition
}

// hasCluster makes an EKS cluster that exists before the program runs.
func (r *recorder) hasCluster(name, issuer, authenticationMode string) {
	r.clusters[name] = resource.NewPropertyMapFromMap(map[string]any{
		"name": name, "arn": eksCluster + name, "status": "ACTIVE",
		"endpoint":               "https://" + strings.ToUpper(name) + ".gr7.eu-west-1.eks.amazonaws.com",
		"certificateAuthorities": []any{map[string]any{"data": caData}},
		"identities":             []any{map[string]any{"oidcs": []any{map[string]any{"issuer": issuer}}}},
		"accessConfigs":          []any{map[string]any{"authenticationMode": authenticationMode}},
	})
}

// hasOidcProvider makes an IAM OIDC provider that exists before the program runs.
func (r *recorder) hasOidcProvider(issuer string, clientIDs []any, tags map[string]any) {
	r.oidcProviders["https://"+issuer] = resource.NewPropertyMapFromMap(map[string]any{
		"arn": "arn:" + r.partition + ":iam::" + account + ":oidc-provider/" + issuer, "url": issuer, "clientIdLists": clientIDs, "tags": tags,
	})
}
