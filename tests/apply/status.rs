//! Writing the status.

use std::time::Duration;

use compose_operator::api::ComposeStack;
use compose_operator::api::v1alpha1::{ComposeStackStatus, ServiceStatus, Warning};
use compose_operator::apply::Outcome;
use compose_operator::status::{Finding, Pass, next, write_if_changed};
use k8s_openapi::jiff::Timestamp;

use crate::stage::Stage;

#[tokio::test]
async fn a_status_is_written_when_it_differs_and_what_is_gone_from_it_goes() {
    let Some(stage) = Stage::new().await else { return };
    let read = async || stage.api::<ComposeStack>().get("shop").await.unwrap();
    let service = ServiceStatus { name: "web".to_owned(), state: "Ready".to_owned(), ..ServiceStatus::default() };
    let outcome = Outcome { services: vec![service], ..Outcome::default() };
    let warnings = [Warning { path: "services.web".to_owned(), ..Warning::default() }];
    let pass = |finding| Pass {
        generation: 1,
        requested_at: Some("now"),
        revision: Some("r1"),
        progress_deadline: Duration::from_mins(10),
        warnings: Some(&warnings),
        images: None,
        finding,
    };
    let full = next(None, &pass(Finding::Applied(&outcome)), Timestamp::now());
    let stack = read().await;
    assert!(write_if_changed(&stage.client, &stack, &full).await.unwrap().is_some());
    let stack = read().await;
    assert_eq!(stack.status.as_ref(), Some(&full));
    assert_eq!(Stage::operations(&stage.json::<ComposeStack>("shop").await), [""; 0]);

    // The same again: no request.
    stage.log.take();
    let again = next(stack.status.as_ref(), &pass(Finding::Applied(&outcome)), Timestamp::now());
    assert!(write_if_changed(&stage.client, &stack, &again).await.unwrap().is_none());
    assert_eq!(stage.log.take(), [""; 0]);

    let empty = ComposeStackStatus::default();
    write_if_changed(&stage.client, &stack, &empty).await.unwrap();
    assert_eq!(read().await.status.unwrap_or_default(), empty);

    // Of a stack that is gone nothing is written.
    stage.delete::<ComposeStack>("shop").await;
    let late = ComposeStackStatus { revision: Some("late".to_owned()), ..full };
    assert!(write_if_changed(&stage.client, &stack, &late).await.unwrap().is_none());
}
