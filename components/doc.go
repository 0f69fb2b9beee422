// Package components gives pods on Amazon EKS their own AWS identity (IAM Roles for Service Accounts, or EKS Pod Identity) and
// lets an IAM role, Argo CD's for example, into other clusters.
//
//   - [OidcProvider] adopts or creates the IAM OIDC provider of a cluster.
//   - [IrsaRole] is an IAM role that exactly the named service accounts may assume, on the way that its [IdentityType] names,
//     the service accounts themselves, and a test pod that proves it. It warns of each [GuardRail] that is not acknowledged.
//   - [AssumableRole] is an IAM role that exactly the named IAM roles may assume, from another account for example.
//   - [CapabilityRole] is the IAM role of an EKS Capability, managed Argo CD for example.
//   - [ClusterAccess] lets an IAM role into a cluster, by an EKS access entry or by aws-auth.
//   - [ArgoCDTarget] is a cluster that Argo CD reaches: all that it needs, in one component made of the others.
//   - [ArgoCDCluster] registers a cluster with Argo CD.
//   - [ClusterLoginTest] proves that service accounts can log in to a cluster with their role, as Argo CD does.
//
// Plain Go values (names, modes, map keys) decide which resources there are; Pulumi inputs (ARNs, issuers, documents,
// tags) carry data. Every constructor checks its arguments before it registers anything and reports all errors in one
// error, each with its path.
package components
