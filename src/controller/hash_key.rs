//! The installation's key: the names of generated objects hold hashes of their content, and with a plain hash a
//! weak password could be guessed from a name.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};

/// The Secret that holds the key.
pub const HASH_KEY_SECRET: &str = "compose-operator-hash-key";
const KEY: &str = "key";

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum HashKeyError {
    /// The API server refused or could not be asked.
    #[error("cannot read or create Secret {HASH_KEY_SECRET:?} in namespace {namespace:?}: allow get and create on it")]
    Api {
        /// The operator's namespace.
        namespace: String,
        /// What the client says.
        #[source]
        source: Box<kube::Error>,
    },
    /// The Secret is there and has no key.
    #[error(
        "Secret {HASH_KEY_SECRET:?} in namespace {namespace:?} has no data under {KEY:?}: delete it, and the operator makes a new one"
    )]
    Empty {
        /// The operator's namespace.
        namespace: String,
    },
    /// The system has no source of randomness.
    #[error("cannot draw a random key: {0}")]
    Random(#[from] getrandom::Error),
}

/// Reads the key, or makes it on the first start. Made once: another key would give every generated object
/// another name, and restart every pod.
///
/// # Errors
/// When it can neither be read nor made.
pub async fn hash_key(client: &Client, namespace: &str) -> Result<Vec<u8>, HashKeyError> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let failed = |source| HashKeyError::Api { namespace: namespace.to_owned(), source: Box::new(source) };
    if let Some(secret) = api.get_opt(HASH_KEY_SECRET).await.map_err(failed)? {
        return key_of(secret, namespace);
    }
    let mut bytes = vec![0; 32];
    getrandom::fill(&mut bytes)?;
    let secret = Secret {
        metadata: ObjectMeta { name: Some(HASH_KEY_SECRET.to_owned()), ..ObjectMeta::default() },
        data: Some(BTreeMap::from([(KEY.to_owned(), ByteString(bytes))])),
        immutable: Some(true),
        ..Secret::default()
    };
    match api.create(&PostParams::default(), &secret).await {
        Ok(secret) => key_of(secret, namespace),
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            key_of(api.get(HASH_KEY_SECRET).await.map_err(failed)?, namespace)
        }
        Err(error) => Err(failed(error)),
    }
}

fn key_of(secret: Secret, namespace: &str) -> Result<Vec<u8>, HashKeyError> {
    secret
        .data
        .and_then(|mut data| data.remove(KEY))
        .map(|bytes| bytes.0)
        .filter(|bytes| !bytes.is_empty())
        .ok_or_else(|| HashKeyError::Empty { namespace: namespace.to_owned() })
}
