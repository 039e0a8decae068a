//! The strings that other programs depend upon, each in one place. None of them may change between releases:
//! selectors are immutable, and field managers own what they applied.

/// The API group.
pub const GROUP: &str = "compose-operator.dev";
/// The field manager of children.
pub const FIELD_MANAGER: &str = "compose-operator";
/// The field manager of the status.
pub const STATUS_FIELD_MANAGER: &str = "compose-operator-status";

/// Label: which program manages an object (Kubernetes' recommended labels).
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`LABEL_MANAGED_BY`] on every child.
pub const MANAGED_BY: &str = "compose-operator";
/// Label: which application an object is part of; the stack's name.
pub const LABEL_PART_OF: &str = "app.kubernetes.io/part-of";
/// Label: the name of the application's component; the Compose service.
pub const LABEL_NAME: &str = "app.kubernetes.io/name";
/// Label: the stack that an object belongs to. Part of every selector.
pub const LABEL_STACK: &str = "compose-operator.dev/stack";
/// Label: the Compose service that an object belongs to. Part of every selector.
pub const LABEL_SERVICE: &str = "compose-operator.dev/service";
/// Label: what kind of pods an object stands for. Part of every selector.
pub const LABEL_COMPONENT: &str = "compose-operator.dev/component";
/// The value of [`LABEL_COMPONENT`] on the pods of a Compose service.
pub const COMPONENT_SERVICE: &str = "service";
/// The value of [`LABEL_COMPONENT`] on the pods that prepare a Compose service (`pre_start`).
pub const COMPONENT_PRE_START: &str = "pre-start";
/// The value of [`LABEL_COMPONENT`] on the pods that fill a new volume.
pub const COMPONENT_SEED: &str = "seed";
/// Prefix of the labels by which pods belong to networks; the engine's name of the network follows, the value is
/// `"true"`. Pods outside of a stack may carry it to join a network. With the name of a namespace and a dot before it, it is
/// the prefix for pods that join a network of that namespace from another.
pub const NETWORK_LABEL_PREFIX: &str = "network.compose-operator.dev/";
/// Prefix of the labels by which pods are found under a name that several services have; the name follows, the value is
/// `"true"`.
pub const ALIAS_LABEL_PREFIX: &str = "alias.compose-operator.dev/";

/// Label of namespaces: their name (Kubernetes, "Automatic labelling").
pub const LABEL_NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";
/// Label of namespaces: the Pod Security level that their pods have to meet (Kubernetes, "Pod Security Admission").
pub const LABEL_POD_SECURITY: &str = "pod-security.kubernetes.io/enforce";

/// Annotation on children: the hash of what was applied, so that an unchanged child is not sent again.
pub const ANNOTATION_APPLIED_HASH: &str = "compose-operator.dev/applied-hash";
/// Annotation on children that, when `disabled`, keeps them when the stack no longer has them.
pub const ANNOTATION_PRUNE: &str = "compose-operator.dev/prune";
/// The value of [`ANNOTATION_PRUNE`] that keeps a child.
pub const PRUNE_DISABLED: &str = "disabled";
/// Annotation on workloads that went back from an update that failed: what failed and where they are, as JSON. Without
/// it, the update is tried anew.
pub const ANNOTATION_ROLLED_BACK: &str = "compose-operator.dev/rolled-back";
/// Annotation on claims: the Job that fills it from an image, or [`SEEDED`].
pub const ANNOTATION_SEED: &str = "compose-operator.dev/seed";
/// The value of [`ANNOTATION_SEED`] on a claim that was filled: it never is again.
pub const SEEDED: &str = "done";
/// Prefix of the annotations on pods that restart them with a service that they depend upon; the service follows.
pub const ANNOTATION_RESTART_PREFIX: &str = "restart.compose-operator.dev/";
/// Annotation on pods: the networks of the nodes that they are attached to, a list in JSON (Multus).
pub const ANNOTATION_ATTACHMENTS: &str = "k8s.v1.cni.cncf.io/networks";
/// Annotation on pods: the network that they have instead of the cluster's (Multus).
pub const ANNOTATION_DEFAULT_NETWORK: &str = "v1.multus-cni.io/default-network";
/// Annotation on pods that restarts them when a network of the nodes that they are attached to changes.
pub const ANNOTATION_ATTACHMENTS_HASH: &str = "compose-operator.dev/attachments-hash";
/// Annotation on pods that restarts them when what they mount from external configs and secrets changes.
pub const ANNOTATION_EXTERNAL_HASH: &str = "compose-operator.dev/external-hash";
/// Annotation on stacks: a new value asks for a reconciliation now.
pub const ANNOTATION_RECONCILE_REQUESTED: &str = "reconcile.compose-operator.dev/requestedAt";
/// Annotation that kubectl writes on client-side apply; holds the null-valued keys that it dropped.
pub const ANNOTATION_LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// On the Lease of a shard: into how many shards its holder divides the stacks.
pub const ANNOTATION_SHARDS: &str = "compose-operator.dev/shards";
/// On the Lease of a shard: the operator that asks its holder for it.
pub const ANNOTATION_WANTED_BY: &str = "compose-operator.dev/wanted-by";
/// The target of the spans that traces consist of: they are in no log, and nothing else is in a trace.
pub const TRACE_TARGET: &str = "compose_operator::trace";
