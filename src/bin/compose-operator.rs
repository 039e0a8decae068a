//! The operator.
use kube::CustomResourceExt;
fn main() {
    println!("{}", serde_json::to_string_pretty(&compose_operator::api::ComposeStack::crd()).unwrap_or_default());
}
