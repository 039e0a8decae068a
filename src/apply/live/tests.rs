use serde_json::json;

use super::*;

fn object(name: &str, uid: &str, version: u64, replicas: i32) -> DynamicObject {
    serde_json::from_value(json!({
        "metadata": {
            "name": name, "namespace": "shop", "uid": uid, "resourceVersion": version.to_string(),
            "labels": {LABEL_MANAGED_BY: MANAGED_BY, LABEL_STACK: "blog"},
        },
        "spec": {"replicas": replicas},
    }))
    .unwrap()
}

fn store() -> Arc<LiveStore> {
    LiveStore::new(HashKey::new(b"key"), &[])
}

fn version(store: &LiveStore, name: &str) -> Option<String> {
    store.get(Kind::Deployment, "shop", name).map(|observed| observed.version.to_string())
}

fn blog() -> Vec<StackRef> {
    vec![StackRef { namespace: "shop".to_owned(), name: "blog".to_owned() }]
}

#[test]
fn an_event_older_than_our_own_write_is_ignored() {
    let store = store();
    let mut feed = store.feed(Kind::Deployment, None);
    store.put(Kind::Deployment, &object("web", "1", 10, 2));
    assert_eq!(feed.take(Event::Apply(object("web", "1", 9, 1))), []);
    assert_eq!(version(&store, "web").as_deref(), Some("10"));
    assert_eq!(feed.take(Event::Apply(object("web", "1", 10, 2))), [], "its echo is no news");
    assert_eq!(feed.take(Event::Apply(object("web", "1", 100, 3))), blog(), "and versions are numbers");
    assert_eq!(version(&store, "web").as_deref(), Some("100"));
}

#[test]
fn a_change_that_matters_to_nobody_wakes_nobody() {
    let store = store();
    let mut feed = store.feed(Kind::Deployment, None);
    assert_eq!(feed.take(Event::Apply(object("web", "1", 1, 1))), blog());
    let mut annotated = object("web", "1", 2, 1);
    annotated.metadata.annotations = Some([("theirs".to_owned(), "yes".to_owned())].into());
    assert_eq!(feed.take(Event::Apply(annotated)), []);
    assert_eq!(version(&store, "web").as_deref(), Some("2"));
}

#[test]
fn a_deletion_takes_only_the_object_that_was_deleted() {
    let store = store();
    let mut feed = store.feed(Kind::Deployment, None);
    store.put(Kind::Deployment, &object("web", "2", 10, 1));
    assert_eq!(feed.take(Event::Delete(object("web", "1", 9, 1))), []);
    assert!(version(&store, "web").is_some());
    assert_eq!(feed.take(Event::Delete(object("web", "2", 11, 1))), blog());
    assert!(version(&store, "web").is_none());
}

#[test]
fn an_answer_from_before_a_deletion_does_not_bring_back_what_is_gone() {
    let store = store();
    let mut feed = store.feed(Kind::Deployment, None);
    feed.take(Event::Apply(object("web", "1", 10, 1)));
    assert_eq!(feed.take(Event::Delete(object("web", "1", 12, 1))), blog());
    store.put(Kind::Deployment, &object("web", "1", 11, 1));
    assert_eq!(version(&store, "web"), None);
    // One that only lost its labels has them again.
    store.put(Kind::Deployment, &object("web", "1", 13, 1));
    assert_eq!(version(&store, "web").as_deref(), Some("13"));
    store.put(Kind::Deployment, &object("web", "2", 14, 1));
    assert_eq!(version(&store, "web").as_deref(), Some("14"), "and another is another");
}

#[test]
fn a_list_forgets_what_is_gone_but_not_what_was_written_meanwhile() {
    let store = store();
    let mut feed = store.feed(Kind::Deployment, None);
    for name in ["gone", "stays", "written"] {
        feed.take(Event::Apply(object(name, name, 1, 1)));
    }
    store.put(Kind::StatefulSet, &object("gone", "other", 1, 1));
    feed.take(Event::Init);
    feed.take(Event::InitApply(object("stays", "stays", 1, 1)));
    store.put(Kind::Deployment, &object("written", "written", 5, 1));
    store.put(Kind::Deployment, &object("new", "new", 6, 1));
    assert_eq!(feed.take(Event::InitDone), blog());
    assert!(version(&store, "gone").is_none());
    for name in ["stays", "written", "new"] {
        assert!(version(&store, name).is_some(), "{name}");
    }
    assert!(store.get(Kind::StatefulSet, "shop", "gone").is_some(), "another kind has another watch");
}

#[test]
fn a_list_of_one_namespace_says_nothing_about_another() {
    let store = store();
    store.put(Kind::Deployment, &object("web", "1", 1, 1));
    let mut feed = store.feed(Kind::Deployment, Some("elsewhere"));
    feed.take(Event::Init);
    feed.take(Event::InitDone);
    assert!(version(&store, "web").is_some());
}

#[tokio::test]
async fn the_store_is_synced_when_every_feed_has_had_a_list() {
    let store = store();
    let (mut one, mut two) = (store.feed(Kind::Deployment, None), store.feed(Kind::Job, None));
    one.take(Event::Init);
    one.take(Event::InitDone);
    let is_synced = async |store: &LiveStore| {
        tokio::time::timeout(std::time::Duration::from_millis(10), store.synced()).await.is_ok()
    };
    assert!(!is_synced(&store).await);
    two.take(Event::Init);
    assert!(!is_synced(&store).await);
    two.take(Event::InitDone);
    assert!(is_synced(&store).await);
    two.take(Event::Init);
    assert!(is_synced(&store).await, "a later list does not take that back");
}

/// Secrets are in no watch, so that nothing else takes them back.
#[test]
fn what_no_watch_tells_of_is_forgotten_with_its_stack_or_once_it_is_not_found() {
    let store = store();
    for name in ["one", "two"] {
        store.put(Kind::Secret, &object(name, name, 1, 0));
    }
    store.put(Kind::Deployment, &object("web", "1", 1, 1));
    let known = |kind| store.of_kind("shop", kind).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    store.found_none(Kind::Secret, "shop", "one");
    store.found_none(Kind::Deployment, "shop", "web");
    assert_eq!((known(Kind::Secret), known(Kind::Deployment)), (vec!["two".to_owned()], vec!["web".to_owned()]));
    store.forget("shop", "another");
    assert_eq!(known(Kind::Secret), ["two"]);
    store.forget("shop", "blog");
    assert_eq!((known(Kind::Secret), known(Kind::Deployment)), (vec![], vec!["web".to_owned()]), "its event comes");
}

#[test]
fn labels_of_another_tool_make_no_child() {
    let mut other = object("web", "1", 1, 1);
    other.metadata.labels = Some([(LABEL_STACK.to_owned(), "blog".to_owned())].into());
    assert_eq!(observe(&HashKey::new(b"key"), Kind::Deployment, &other).stack, None);
    assert_eq!(observe(&HashKey::new(b"key"), Kind::Pod, &other).stack, Some("blog".into()));
}

#[test]
fn the_claim_of_an_external_volume_brings_those_back_who_use_it() {
    let store = store();
    let mut feed = store.feed(Kind::PersistentVolumeClaim, None);
    let claim = |version: u64, phase: &str| -> DynamicObject {
        let metadata = json!({"name": "data", "namespace": "shop", "uid": "1", "resourceVersion": version.to_string()});
        serde_json::from_value(json!({"metadata": metadata, "status": {"phase": phase}})).unwrap()
    };
    assert_eq!(feed.take(Event::Apply(claim(1, "Pending"))), []);
    assert!(store.get(Kind::PersistentVolumeClaim, "shop", "data").is_none(), "nobody asked for it");
    store.uses("shop", "blog", &BTreeSet::from(["data"]));
    assert_eq!(feed.take(Event::Apply(claim(2, "Pending"))), blog());
    assert_eq!(feed.take(Event::Apply(claim(3, "Pending"))), [], "it says nothing new");
    assert_eq!(feed.take(Event::Apply(claim(4, "Bound"))), blog());
    assert_eq!(feed.take(Event::Delete(claim(5, "Bound"))), blog());
    store.forget("shop", "blog");
    assert_eq!(feed.take(Event::Apply(claim(6, "Bound"))), []);
}

#[test]
fn a_watch_that_broke_is_not_believed_until_it_has_listed_anew() {
    let store = store();
    let (mut one, mut all) = (store.feed(Kind::Deployment, Some("shop")), store.feed(Kind::Service, None));
    let told =
        |namespace: &str| [Kind::Deployment, Kind::Service, Kind::Job].map(|kind| store.is_told(kind, namespace));
    assert_eq!((told("shop"), store.is_told(Kind::Secret, "shop")), ([true; 3], false));
    one.broke();
    one.broke();
    all.broke();
    assert_eq!((told("shop"), told("blog")), ([false, false, true], [true, false, true]));
    one.take(Event::Init);
    one.take(Event::InitDone);
    assert_eq!((told("shop"), told("blog")), ([true, false, true], [true, false, true]));
    all.take(Event::InitDone);
    assert_eq!(told("blog"), [true; 3]);
}
