//! The operator.
#![forbid(unsafe_code)]

use compose_operator::api;

fn main() {
    print!("{}", api::definition_yaml().unwrap_or_default());
}
