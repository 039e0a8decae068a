use serde_json::json;

use super::*;

fn replicas(kind: Kind, spec: Value, status: Value) -> Replicas {
    match facts(kind, Value::from_iter([("spec", spec), ("status", status)])) {
        Facts::Replicas(replicas) => replicas,
        other => panic!("{other:?}"),
    }
}

/// The facts of an object of generation 2.
fn facts(kind: Kind, mut object: Value) -> Facts {
    object["metadata"] = json!({"name": "web-published", "namespace": "shop", "generation": 2});
    Facts::of(kind, &serde_json::from_value(object).unwrap())
}

fn under(text: &str) -> Progress {
    Progress::Under(text.to_owned())
}

#[test]
fn deployments_by_kstatus() {
    let done = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2});
    let with = |changes: Value| {
        let mut status = done.clone();
        status.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        replicas(Kind::Deployment, json!({"replicas": 2}), status)
    };
    let condition = |kind: &str, status: &str, reason: &str| json!({"conditions": [{"type": kind, "status": status, "reason": reason, "message": "told"}]});
    assert_eq!(with(json!({})), Replicas { desired: 2, ready: 2, updated: 2, seen: true, progress: Progress::Current });
    let unseen = with(json!({"observedGeneration": 1}));
    assert_eq!((unseen.progress, unseen.updated), (under("its controller has not seen the change yet"), 0));
    assert_eq!(with(json!({"updatedReplicas": 1})).progress, under("1/2 updated"));
    let new = |status: Value| replicas(Kind::Deployment, json!({"replicas": 2}), status);
    for status in [
        json!({}),
        json!({"observedGeneration": 2}),
        json!({"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1}),
    ] {
        assert_eq!(new(status).progress, under("0/2 ready"), "one that is new has no old pods");
    }
    assert!(!new(json!({})).seen);
    assert_eq!(with(json!({"replicas": 3})).progress, under("1 old pods are still stopping"));
    assert_eq!(with(json!({"availableReplicas": 1})).progress, under("1/2 available"));
    assert_eq!(with(json!({"availableReplicas": 1, "readyReplicas": 1})).progress, under("1/2 ready"));
    assert_eq!(with(json!({"readyReplicas": 5})).ready, 2);
    let deadline = with(condition("Progressing", "False", "ProgressDeadlineExceeded"));
    assert_eq!(deadline.progress, Progress::Failed("told".to_owned()));
    assert_eq!(with(condition("ReplicaFailure", "True", "FailedCreate")).progress, under("told"));
    assert_eq!(with(condition("ReplicaFailure", "False", "FailedCreate")).progress, Progress::Current);
    let none = replicas(Kind::Deployment, json!({"replicas": 0}), json!({"observedGeneration": 2}));
    assert_eq!((none.desired, none.progress), (0, Progress::Current));
    assert_eq!(replicas(Kind::Deployment, json!({}), json!({"observedGeneration": 2})).desired, 1);
}

#[test]
fn stateful_sets_by_kstatus() {
    let of = |status| replicas(Kind::StatefulSet, json!({"replicas": 1}), status);
    let done = json!({
        "observedGeneration": 2, "replicas": 1, "readyReplicas": 1, "currentReplicas": 1, "updatedReplicas": 1,
        "currentRevision": "b", "updateRevision": "b",
    });
    assert_eq!(of(done), Replicas { desired: 1, ready: 1, updated: 1, seen: true, progress: Progress::Current });
    let rolling = of(json!({
        "observedGeneration": 2, "replicas": 1, "readyReplicas": 1, "currentReplicas": 1,
        "currentRevision": "a", "updateRevision": "b",
    }));
    assert_eq!((rolling.updated, rolling.progress), (0, under("0/1 updated")));
    let starting = of(json!({
        "observedGeneration": 2, "replicas": 1, "currentReplicas": 1, "currentRevision": "a", "updateRevision": "a",
    }));
    assert_eq!((starting.updated, starting.progress), (1, under("0/1 ready")));
    assert_eq!(of(json!({"observedGeneration": 1, "readyReplicas": 1})).updated, 0);
    let surplus = of(json!({"observedGeneration": 2, "replicas": 2, "readyReplicas": 2}));
    assert_eq!(surplus.progress, under("surplus pods are still stopping"));
}

#[test]
fn daemon_sets_by_kstatus() {
    let of = |status| replicas(Kind::DaemonSet, json!({}), status);
    let done = json!({
        "observedGeneration": 2, "desiredNumberScheduled": 3, "numberReady": 3, "updatedNumberScheduled": 3,
        "numberAvailable": 3,
    });
    assert_eq!(of(done), Replicas { desired: 3, ready: 3, updated: 3, seen: true, progress: Progress::Current });
    let partly = json!({
        "observedGeneration": 2, "desiredNumberScheduled": 3, "numberReady": 1, "updatedNumberScheduled": 3,
        "numberAvailable": 1,
    });
    assert_eq!(of(partly).progress, under("1/3 ready"));
}

#[test]
fn jobs_end_by_their_conditions() {
    let of = |status| match facts(Kind::Job, json!({"spec": {"completions": 1}, "status": status})) {
        Facts::Job(job) => job,
        other => panic!("{other:?}"),
    };
    let condition = |kind, status| json!({"conditions": [{"type": kind, "status": status, "reason": "BackoffLimitExceeded", "message": "too often"}]});
    assert!(of(condition("Complete", "True")).complete);
    assert!(!of(condition("Complete", "False")).complete);
    assert!(!of(json!({"succeeded": 1})).complete, "its pods may not have ended");
    assert_eq!(of(condition("Failed", "True")).failed.as_deref(), Some("BackoffLimitExceeded: too often"));
    assert_eq!(of(json!({"ready": 1})).ready, 1);
}

#[test]
fn services_tell_where_they_are() {
    let endpoints = |spec: Value, status: Value| match facts(Kind::Service, json!({"spec": spec, "status": status})) {
        Facts::Service(service) => service.endpoints,
        other => panic!("{other:?}"),
    };
    let ports =
        json!([{"port": 80, "protocol": "TCP", "nodePort": 30080}, {"port": 53, "protocol": "UDP", "nodePort": 30053}]);
    let of = |kind: &str| json!({"type": kind, "ports": ports});
    assert_eq!(endpoints(of("ClusterIP"), json!({})), ["web-published.shop:80", "web-published.shop:53/udp"]);
    assert_eq!(endpoints(of("NodePort"), json!({})), ["<any node>:30080", "<any node>:30053/udp"]);
    assert_eq!(endpoints(of("LoadBalancer"), json!({})), [""; 0], "not yet anywhere");
    let ingress = json!({"loadBalancer": {"ingress": [{"ip": "198.51.100.7"}]}});
    assert_eq!(endpoints(of("LoadBalancer"), ingress), ["198.51.100.7:80", "198.51.100.7:53/udp"]);
}

#[test]
fn pods_tell_what_keeps_them_from_running() {
    let pod = |status: Value| {
        let object = json!({"spec": {"containers": [{"name": "main"}, {"name": "mesh"}]}, "status": status});
        match facts(Kind::Pod, object) {
            Facts::Pod(pod) => pod,
            other => panic!("{other:?}"),
        }
    };
    let main = |state: Value| pod(json!({"containerStatuses": [{"name": "main", "image": "web:1", "state": state}]}));
    let waiting = |reason: &str| main(json!({"waiting": {"reason": reason, "message": "told"}}));
    assert_eq!(waiting("ContainerCreating").problem, None);
    assert_eq!(waiting("ErrImagePull"), waiting("ImagePullBackOff"), "the two take turns");
    assert_eq!(
        waiting("CreateContainerConfigError").problem.as_deref(),
        Some("CreateContainerConfigError: container main: told")
    );
    assert!(!waiting("ErrImagePull").started);
    let ended = main(json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}));
    assert_eq!(ended.problem.as_deref(), Some("container main exited with code 137 (OOMKilled)"));
    assert!(ended.started);
    assert_eq!(main(json!({"terminated": {"exitCode": 0}})).problem, None);
    let looping = json!({"containerStatuses": [{
        "name": "main", "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s"}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
    }]});
    assert_eq!(pod(looping.clone()).problem.as_deref(), Some("CrashLoopBackOff: container main exited with code 1"));
    let mut later = looping.clone();
    later["containerStatuses"][0]["restartCount"] = json!(4);
    later["containerStatuses"][0]["state"]["waiting"]["message"] = json!("back-off 40s");
    assert_eq!(pod(later), pod(looping), "another round of the same is no news");
    let unscheduled = json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}]});
    assert_eq!(pod(unscheduled).problem.as_deref(), Some("Unschedulable: 0/3 nodes"));
    let sidecar = json!({"containerStatuses": [
        {"name": "mesh", "started": true, "imageID": "mesh@sha256:1"}, {"name": "main", "imageID": "web@sha256:2"},
    ]});
    assert_eq!((pod(sidecar.clone()).started, pod(sidecar).digest.as_deref()), (false, Some("sha256:2")));
}
