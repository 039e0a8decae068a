//! The Kubernetes API of the operator: what users write and read.

pub mod condition;
pub mod names;
mod nulls;
pub mod v1alpha1;

pub(crate) use nulls::without_nulls;
pub use v1alpha1::{ComposeStack, ComposeStackSpec, ComposeStackStatus};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt;
use serde_json::json;

/// The CustomResourceDefinition of [`ComposeStack`].
pub fn definition() -> CustomResourceDefinition {
    let mut definition = ComposeStack::crd();
    let schemas = definition.spec.versions.iter_mut().filter_map(|version| version.schema.as_mut());
    for schema in schemas.filter_map(|schema| schema.open_api_v3_schema.as_mut()) {
        join_lines(schema);
        if let Some(status) = schema.properties.as_mut().and_then(|properties| properties.get_mut("status")) {
            // A resource without conditions is ready for kstatus, and so for Flux, unless a generation was not seen yet.
            status.default = Some(JSON(json!({"observedGeneration": -1})));
        }
        if let Some(spec) = schema.properties.as_mut().and_then(|properties| properties.get_mut("spec")) {
            let_collections_be_null(spec);
        }
    }
    definition
}

/// Doc comments are broken where the source's margin is; `kubectl explain` has a margin of its own.
fn join_lines(schema: &mut JSONSchemaProps) {
    if let Some(description) = &mut schema.description {
        *description = description.replace('\n', " ");
    }
    schema.properties.iter_mut().flat_map(|properties| properties.values_mut()).for_each(join_lines);
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        join_lines(items);
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        join_lines(values);
    }
}

/// A server-side apply that empties a map leaves null in its place, and writers that leave a list out may say null: the
/// API server would refuse either as it refuses text. What has a default gets that instead.
fn let_collections_be_null(schema: &mut JSONSchemaProps) {
    schema.properties.iter_mut().flat_map(|properties| properties.values_mut()).for_each(let_collections_be_null);
    let (mut is_collection, has_default) = (false, schema.default.is_some());
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        let_collections_be_null(items);
        is_collection = true;
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        let_collections_be_null(values);
        is_collection = true;
    }
    if is_collection && !has_default {
        schema.nullable = Some(true);
    }
}

/// The same as YAML, as it stands in `crds/`.
///
/// # Errors
/// When it cannot be written as YAML, which a test excludes.
pub fn definition_yaml() -> Result<String, serde_saphyr::ser::Error> {
    serde_saphyr::to_string(&definition())
        .map(|text| format!("# Generated from src/api/v1alpha1.rs by `make crds`; do not edit.\n{}\n", text.trim_end()))
}
