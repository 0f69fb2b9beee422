package tests

import (
	"errors"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eks-irsa/pulumi-eks-irsa/components"
)

func TestOidcProviderIsCreatedWhenIAMHasNone(t *testing.T) {
	t.Parallel()
	const url = "https://" + hubIssuer
	// The AWS provider's texts for absence differ between its generations; IAM's own is for one that was deleted between
	// listing and reading it.
	for name, absent := range map[string]string{
		"by the older text":        "finding IAM OIDC Provider by url (" + url + "): not found",
		"by the newer text":        "reading IAM OIDC Provider (" + url + "): couldn't find resource",
		"as it was just deleted":   "reading IAM OIDC Provider: NoSuchEntity: OpenIDConnect Provider not found",
		"behind the engine's word": "invocation of getOpenIdConnectProvider returned an error: 1 error occurred: (" + url + "): not found",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			r.invokeErrors[getOpenIDConnectProvider] = errors.New(absent)
			provider := oidcProvider.on(t, r, as(components.OidcProviderArgs{Issuer: url}))

			created := r.one(t, iamProviderType, "hub")
			assert.JSONEq(t, `{
				"url": "https://`+hubIssuer+`",
				"clientIdLists": ["sts.amazonaws.com"],
				"tags": {"eks-irsa/owner": "acme/eks-irsa/dev"}
			}`, created.json(t))
			assert.Empty(t, created.RegisterRPC.GetImportId())
			assert.Equal(t, "aws", providerName(created.Provider))
			assert.False(t, provider.Adopted)
			assertHubProvider(t, provider)

			require.NotEmpty(t, r.invokes)
			for _, asked := range r.invokes {
				assert.Equal(t, "aws", providerName(asked.Provider), "IAM is asked with the component's own provider")
				assert.Equal(t, resource.NewStringProperty(url), asked.Args["url"])
			}
		})
	}
}

// Whoever made it a moment ago: to make it again would fail.
func TestOidcProviderThatIAMListsAndDoesNotShowYetIsAskedForAgain(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	r.hasOidcProvider(hubIssuer, []any{"sts.amazonaws.com"}, map[string]any{"alpha.eksctl.io/cluster-name": "hub"})
	r.invokeErrors[getOpenIDConnectProvider] = errors.New("reading IAM OIDC Provider: NoSuchEntity: OpenIDConnect Provider not found")
	r.passing[getOpenIDConnectProvider] = 2
	provider := oidcProvider.on(t, r, as(components.OidcProviderArgs{Issuer: "https://" + hubIssuer}))
	assert.True(t, provider.Adopted)
	assert.Len(t, r.called(getOpenIDConnectProvider), 3)
}

func assertHubProvider(t *testing.T, provider *components.OidcProvider) {
	t.Helper()
	assert.Equal(t, hubProviderArn, awaitString(t, provider.Arn))
	assert.Equal(t, "https://"+hubIssuer, awaitString(t, provider.Url))
	assert.Equal(t, hubIssuer, awaitString(t, provider.Issuer))
}

// Pulumi deletes at the end of an update what it made earlier and is not told of any more; what is read under the same name
// and parent it releases.
func TestOidcProviderOfOthersIsOnlyReadUnderTheNameOfACreatedOne(t *testing.T) {
	t.Parallel()
	for name, tags := range map[string]map[string]any{
		"without tags":                  nil,
		"with another tool's tags":      {"alpha.eksctl.io/cluster-name": "hub"},
		"of another stack":              {components.OwnerTag: "acme/eks-irsa/prod"},
		"of another project":            {components.OwnerTag: "acme/other/dev"},
		"of another organization":       {components.OwnerTag: "other/eks-irsa/dev"},
		"whose owner begins like ours":  {components.OwnerTag: "acme/eks-irsa/dev2"},
		"whose owner is spelt like IAM": {components.OwnerTag: "ACME/eks-irsa/dev"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			r.hasOidcProvider(hubIssuer, []any{"sts.amazonaws.com"}, tags)
			provider := oidcProvider.on(t, r, as(components.OidcProviderArgs{
				Issuer: "https://" + hubIssuer, Tags: pulumi.StringMap{"ignored": pulumi.String("as it is not ours")},
				RetainOnDelete: true,
			}))
			read := r.one(t, iamProviderType, "hub")
			require.NotNil(t, read.ReadRPC)
			assert.Equal(t, hubProviderArn, read.ID)
			assert.Contains(t, r.graph(), iamProviderType+" hub (read) in hub by aws")
			created := newRecorder()
			oidcProvider.on(t, created, as(components.OidcProviderArgs{Issuer: "https://" + hubIssuer}))
			assert.Equal(t, created.one(t, iamProviderType, "hub").URN, read.URN)
			assert.True(t, provider.Adopted)
			assertHubProvider(t, provider)
		})
	}
}

func TestOidcProviderOfThisStackStaysItsOwn(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, tag string
		args      components.OidcProviderArgs
		imported  string
	}{
		{"by its name", "acme/eks-irsa/dev", components.OidcProviderArgs{}, ""},
		{"by the name that it gives itself", "platform", components.OidcProviderArgs{Owner: "platform"}, ""},
		{"when it is to outlive it", "acme/eks-irsa/dev", components.OidcProviderArgs{RetainOnDelete: true}, hubProviderArn},
		{"when its state has to take it over", "acme/eks-irsa/dev", components.OidcProviderArgs{Import: true}, hubProviderArn},
		{"when it takes it from another one", "acme/eks-irsa/prod", components.OidcProviderArgs{Import: true}, hubProviderArn},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			r.hasOidcProvider(hubIssuer, []any{"sts.amazonaws.com"}, map[string]any{components.OwnerTag: test.tag})
			test.args.Issuer = "https://" + hubIssuer
			provider := oidcProvider.on(t, r, as(test.args))
			registered := r.one(t, iamProviderType, "hub")
			assert.Nil(t, registered.ReadRPC)
			assert.Equal(t, test.imported, registered.RegisterRPC.GetImportId(), "Pulumi does not replace what is still to be imported")
			_, deleteFirst := registered.replacement()
			assert.True(t, deleteFirst, "there can be one per issuer")
			assert.Equal(t, test.args.RetainOnDelete, registered.RegisterRPC.GetRetainOnDelete())
			assert.Equal(t, test.imported == "", len(registered.RegisterRPC.GetHooks().GetBeforeCreate()) == 1)
			assert.False(t, provider.Adopted)
			assertHubProvider(t, provider)
		})
	}
}

// Two stacks of one name, in two backends, both find their own tag. Only the engine knows whose state holds the provider.
func TestOidcProviderWithThisStacksTagIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	const refusal = hubProviderArn + " exists with this stack's tag eks-irsa/owner=acme/eks-irsa/dev, but this stack's state does " +
		"not hold it as its own. If an interrupted update made it, or an earlier one released it, take it over with " +
		"`import: true` for one update. If another stack of this name made it, in another backend, give this stack an `owner` of its own"
	for _, test := range []struct {
		name string
		// meanwhile is what happens before the engine comes to the creation.
		meanwhile func(*recorder)
		options   []pulumi.RunOption
		want      string
	}{
		{"when it is there", func(*recorder) {}, nil, refusal},
		{"unless it is being replaced, and deleted", func(r *recorder) { clear(r.oidcProviders) }, nil, ""},
		{"but in a preview, which deletes nothing, that is only said", func(*recorder) {}, []pulumi.RunOption{preview}, ""},
		{
			"nor when IAM does not answer", func(r *recorder) { r.invokeErrors[getOpenIDConnectProvider] = errors.New("throttled") }, nil,
			"looking up the IAM OIDC provider of https://" + hubIssuer + ": throttled",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			r.hasOidcProvider(hubIssuer, []any{"sts.amazonaws.com"}, map[string]any{components.OwnerTag: "acme/eks-irsa/dev"})
			var created []error
			err := r.run(func(ctx *pulumi.Context) error {
				if err := beforeCreations(ctx, iamProviderType, func(_ string, create func(resource.PropertyMap) error) {
					test.meanwhile(r)
					created = append(created, create(nil))
				}); err != nil {
					return err
				}
				_, err := components.NewOidcProvider(ctx, "hub", &components.OidcProviderArgs{Issuer: "https://" + hubIssuer})
				return err
			}, test.options...)
			require.NoError(t, err)
			require.Len(t, created, 1)
			if test.want == "" {
				require.NoError(t, created[0])
			} else {
				require.EqualError(t, created[0], test.want)
			}
		})
	}
}

func TestOidcProviderIsCreatedAsAsked(t *testing.T) {
	t.Parallel()
	const thumbprint = "9e99a48a9960b14926bb7f3b02e22da2b0ab7280"
	for name, test := range map[string]struct {
		args components.OidcProviderArgs
		want string
	}{
		"with client IDs": {
			components.OidcProviderArgs{ClientIDs: []string{"gitlab", "sts.amazonaws.com"}},
			`{"url": "https://` + hubIssuer + `", "clientIdLists": ["gitlab", "sts.amazonaws.com"], "tags": {"eks-irsa/owner": "acme/eks-irsa/dev"}}`,
		},
		"with thumbprints": {
			components.OidcProviderArgs{Thumbprints: []string{thumbprint}},
			`{"url": "https://` + hubIssuer + `", "clientIdLists": ["sts.amazonaws.com"], "thumbprintLists": ["` + thumbprint + `"],
			  "tags": {"eks-irsa/owner": "acme/eks-irsa/dev"}}`,
		},
		"with tags, the owner's winning": {
			components.OidcProviderArgs{Tags: pulumi.StringMap{
				"team": pulumi.String("platform"), components.OwnerTag: pulumi.String("another one"),
			}.ToStringMapOutput()},
			`{"url": "https://` + hubIssuer + `", "clientIdLists": ["sts.amazonaws.com"],
			  "tags": {"eks-irsa/owner": "acme/eks-irsa/dev", "team": "platform"}}`,
		},
		"with an owner": {
			components.OidcProviderArgs{Owner: "platform team: eu"},
			`{"url": "https://` + hubIssuer + `", "clientIdLists": ["sts.amazonaws.com"], "tags": {"eks-irsa/owner": "platform team: eu"}}`,
		},
		"with tags that turn out to be none": {
			components.OidcProviderArgs{Tags: pulumi.String("").ToStringOutput().ApplyT(func(string) map[string]string {
				return nil
			}).(pulumi.StringMapOutput)},
			`{"url": "https://` + hubIssuer + `", "clientIdLists": ["sts.amazonaws.com"], "tags": {"eks-irsa/owner": "acme/eks-irsa/dev"}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			test.args.Issuer = "https://" + hubIssuer
			oidcProvider.on(t, r, as(test.args))
			assert.JSONEq(t, test.want, r.one(t, iamProviderType, "hub").json(t))
		})
	}
}

func TestOidcProviderIsFoundByTheClustersName(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	r.hasCluster("dev-hub", "https://"+hubIssuer, "API")
	r.hasOidcProvider(hubIssuer, []any{"sts.amazonaws.com"}, nil)
	provider := oidcProvider.on(t, r, as(components.OidcProviderArgs{ClusterName: "dev-hub"}))
	assert.True(t, provider.Adopted)
	assertHubProvider(t, provider)
	for _, invoke := range r.invokes {
		assert.Equal(t, "aws", providerName(invoke.Provider), "%s uses the component's own provider", invoke.Token)
	}
}

func TestOidcProviderOfANewClusterIsCreatedWithoutALook(t *testing.T) {
	t.Parallel()
	r := newRecorder()
	r.hasOidcProvider(hubIssuer, []any{"sts.amazonaws.com"}, nil)
	provider := oidcProvider.on(t, r, as(components.OidcProviderArgs{
		IssuerOfNewCluster: pulumi.String("https://" + hubIssuer).ToStringOutput(),
	}))
	assert.Empty(t, r.invokes)
	assert.Equal(t, resource.NewStringProperty("https://"+hubIssuer), r.one(t, iamProviderType, "hub").Inputs["url"])
	assertHubProvider(t, provider)
}

func TestOidcProviderChecksTheIssuerOfANewClusterOnceItIsKnown(t *testing.T) {
	t.Parallel()
	// Nothing but the component's own outputs uses the issuer here, so this shows too that they are registered.
	_, err := oidcProvider.run(newRecorder(), as(components.OidcProviderArgs{
		IssuerOfNewCluster: pulumi.String("http://" + hubIssuer).ToStringOutput(),
	}))
	require.ErrorContains(t, err, `OidcProvider "hub": issuer "http://`+hubIssuer+`" has the scheme "http"; it must be https`)
}

func TestOidcProviderThatIsOfNoUseIsAnError(t *testing.T) {
	t.Parallel()
	const url = "https://" + hubIssuer
	for _, test := range []struct {
		name  string
		found func(*recorder)
		args  components.OidcProviderArgs
		want  string
	}{
		{
			"as it does not accept the audience of the pods' tokens",
			func(r *recorder) { r.hasOidcProvider(hubIssuer, []any{"sigstore"}, nil) },
			components.OidcProviderArgs{Issuer: url},
			`OidcProvider "hub": ` + hubProviderArn + ` exists and belongs to another stack or tool, and its client IDs ["sigstore"] lack ` +
				`"sts.amazonaws.com": no pod can assume a role through it; its owner can add the client ID ` +
				`(aws iam add-client-id-to-open-id-connect-provider)`,
		},
		{
			"as IAM may not be asked",
			func(r *recorder) {
				r.invokeErrors[getOpenIDConnectProvider] = errors.New("finding IAM OIDC Provider by url (" + url +
					"): AccessDenied: not authorized to perform iam:ListOpenIDConnectProviders")
			},
			components.OidcProviderArgs{Issuer: url},
			`OidcProvider "hub": looking up the IAM OIDC provider of ` + url + `: finding IAM OIDC Provider by url (` + url +
				`): AccessDenied: not authorized to perform iam:ListOpenIDConnectProviders`,
		},
		{
			"as something else was not found",
			func(r *recorder) {
				r.invokeErrors[getOpenIDConnectProvider] = errors.New("credentials not found")
			},
			components.OidcProviderArgs{Issuer: url},
			`OidcProvider "hub": looking up the IAM OIDC provider of ` + url + `: credentials not found`,
		},
		{
			"as there is no cluster of that name",
			func(*recorder) {},
			components.OidcProviderArgs{ClusterName: "dev-hub"},
			`OidcProvider "hub": looking up EKS cluster "dev-hub": reading EKS Cluster (dev-hub): couldn't find resource`,
		},
		{
			"as the cluster has no issuer yet",
			func(r *recorder) {
				r.clusters["dev-hub"] = resource.NewPropertyMapFromMap(map[string]any{"name": "dev-hub", "status": "CREATING"})
			},
			components.OidcProviderArgs{ClusterName: "dev-hub"},
			`OidcProvider "hub": EKS cluster "dev-hub" has no OIDC issuer`,
		},
		{
			"as the cluster's issuer is none",
			func(r *recorder) { r.hasCluster("dev-hub", "http://localhost", "API") },
			components.OidcProviderArgs{ClusterName: "dev-hub"},
			`OidcProvider "hub": issuer "http://localhost" has the scheme "http"; it must be https`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRecorder()
			test.found(r)
			provider, err := oidcProvider.run(r, as(test.args))
			require.EqualError(t, err, test.want)
			assert.Nil(t, provider)
			assert.Empty(t, r.ofType(iamProviderType))
		})
	}
}

func TestOidcProviderOfANewClusterIsUnknownToAPreview(t *testing.T) {
	t.Parallel()
	r, _ := oidcProvider.made(t, as(components.OidcProviderArgs{IssuerOfNewCluster: unknownString()}), preview)
	// The mocked engine drops what is unknown.
	assert.NotContains(t, r.one(t, iamProviderType, "hub").Inputs, resource.PropertyKey("url"))
}

func TestOidcProviderRefuses(t *testing.T) {
	t.Parallel()
	type args = components.OidcProviderArgs
	const url = "https://" + hubIssuer
	oidcProvider.refuses(t, []refusal[args]{
		{"no issuer", "issuer: give exactly one of issuer, clusterName and issuerOfNewCluster", as(args{})},
		{"two issuers", "issuer: give exactly one of issuer, clusterName and issuerOfNewCluster", as(args{Issuer: url, ClusterName: "hub"})},
		{
			"an issuer over http", `issuer: issuer "http://` + hubIssuer + `" has the scheme "http"; it must be https`,
			as(args{Issuer: "http://" + hubIssuer}),
		},
		{
			"an issuer with a port", `issuer: issuer "https://oidc.example.com:8443" has a port; IAM takes none in the URL of an OIDC provider`,
			as(args{Issuer: "https://oidc.example.com:8443"}),
		},
		{
			"client IDs without that of the pods", `clientIds: must contain "sts.amazonaws.com", the audience of the pods' tokens`,
			as(args{Issuer: url, ClientIDs: []string{"sigstore"}}),
		},
		{
			"a client ID twice, and an empty one",
			lines(`clientIds[1]: "sts.amazonaws.com" is already in the list, at index 0`, "clientIds[2]: must not be empty"),
			as(args{Issuer: url, ClientIDs: []string{"sts.amazonaws.com", "sts.amazonaws.com", ""}}),
		},
		{
			"a thumbprint that is not SHA-1", `thumbprints[1]: "9E:99" is not a SHA-1 fingerprint of 40 hexadecimal digits`,
			as(args{Issuer: url, Thumbprints: []string{"9e99a48a9960b14926bb7f3b02e22da2b0ab7280", "9E:99"}}),
		},
		{
			"an owner that no tag can hold",
			`owner: the value "dev & prod" has a character that no tag can have; use letters, digits, spaces and _ . : / = + - @`,
			as(args{Issuer: url, Owner: "dev & prod"}),
		},
		{
			"to import the provider of a cluster that is still to be made",
			"import: not for a cluster that is still to be created, which has no provider yet",
			as(args{IssuerOfNewCluster: pulumi.String(url), Import: true}),
		},
		{
			"several faults, all reported",
			lines(
				`issuer: issuer "https://" has no host`,
				`clientIds: must contain "sts.amazonaws.com", the audience of the pods' tokens`,
				`thumbprints[0]: "" is not a SHA-1 fingerprint of 40 hexadecimal digits`,
			),
			as(args{Issuer: "https://", ClientIDs: []string{"x"}, Thumbprints: []string{""}}),
		},
	})
}
