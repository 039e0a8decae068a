package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const nodeName = "fake"

// A node without a kubelet: it has room for everything, its pods are ready as soon as they are scheduled, and gone as soon as they are
// deleted.
type node struct {
	api    *client
	work   chan pod
	ready  sync.Map
	count  atomic.Int64
	errors atomic.Pointer[error]
}

type pod struct {
	Metadata struct {
		Name, Namespace, UID string
		DeletionTimestamp    string
	}
	Spec struct {
		Containers, InitContainers []struct{ Name, Image string }
	}
	Status struct{ Phase string }
}

func startNode(ctx context.Context, api *client) (*node, error) {
	n := &node{api: api, work: make(chan pod, 1<<16)}
	if err := n.register(); err != nil {
		return nil, err
	}
	for range 16 {
		go n.serve()
	}
	go func() {
		path := "/api/v1/pods?watch=1&timeoutSeconds=3600&fieldSelector=spec.nodeName%3D" + nodeName
		n.failed(api.watch(ctx, path, "application/json", func(kind string, object json.RawMessage) {
			var p pod
			if kind == "DELETED" || json.Unmarshal(object, &p) != nil || p.Metadata.Name == "" {
				return
			}
			if p.Status.Phase != "Running" || p.Metadata.DeletionTimestamp != "" {
				n.work <- p
			}
		}))
	}()
	go func() {
		for ctx.Err() == nil {
			n.failed(n.renew())
			time.Sleep(10 * time.Second)
		}
	}()
	return n, nil
}

func (n *node) failed(err error) {
	if err != nil {
		n.errors.CompareAndSwap(nil, &err)
	}
}

func (n *node) failure() error {
	if err := n.errors.Load(); err != nil {
		return fmt.Errorf("the fake node: %w", *err)
	}
	return nil
}

func now() string { return time.Now().UTC().Format(time.RFC3339) }

func (n *node) register() error {
	room := map[string]string{"cpu": "100000", "memory": "1000Ti", "pods": "1000000", "ephemeral-storage": "1000Ti"}
	body, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Node",
		"metadata": map[string]any{"name": nodeName, "labels": map[string]string{
			"kubernetes.io/hostname": nodeName, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
		}},
		"status": map[string]any{
			"capacity": room, "allocatable": room,
			"conditions": []map[string]string{{
				"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now(), "lastTransitionTime": now(),
			}},
		},
	})
	if err != nil {
		return err
	}
	_, err = n.api.do(http.MethodPost, "/api/v1/nodes", "application/json", body)
	return err
}

// renew tells the cluster that the node lives, as kubelets do.
func (n *node) renew() error {
	body := fmt.Sprintf(`{"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": %[1]q},
		"spec": {"holderIdentity": %[1]q, "leaseDurationSeconds": 40, "renewTime": %q}}`,
		nodeName, time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"))
	path := "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/" + nodeName + "?fieldManager=fake&force=true"
	_, err := n.api.do(http.MethodPatch, path, applyPatch, []byte(body))
	return err
}

func (n *node) serve() {
	for p := range n.work {
		var err error
		path := "/api/v1/namespaces/" + p.Metadata.Namespace + "/pods/" + p.Metadata.Name
		if p.Metadata.DeletionTimestamp != "" {
			body := fmt.Sprintf(`{"gracePeriodSeconds": 0, "preconditions": {"uid": %q}}`, p.Metadata.UID)
			_, err = n.api.do(http.MethodDelete, path, "application/json", []byte(body))
		} else if _, again := n.ready.LoadOrStore(p.Metadata.UID, true); !again {
			_, err = n.api.do(http.MethodPatch, path+"/status", strategicPatch, n.running(p))
			n.count.Add(1)
		}
		// A pod that is gone needs nothing.
		if answer := new(refused); errors.As(err, &answer) && (answer.code == http.StatusNotFound || answer.code == http.StatusConflict) {
			err = nil
		}
		n.failed(err)
	}
}

// running is the status of a pod all of whose containers do what they are to do.
func (n *node) running(p pod) []byte {
	number := n.count.Load()
	statuses := func(containers []struct{ Name, Image string }, state string, ready bool) []map[string]any {
		all := []map[string]any{}
		for _, c := range containers {
			all = append(all, map[string]any{
				"name": c.Name, "image": c.Image, "ready": ready, "started": ready, "restartCount": 0,
				"imageID":     "registry.example.com/image@sha256:4f1c6d3a27f5a6f1e2a0a9f0a3d1c5b7e9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4",
				"containerID": "containerd://" + p.Metadata.UID,
				"state":       json.RawMessage(state),
			})
		}
		return all
	}
	address := fmt.Sprintf("10.%d.%d.%d", 128+number>>16&63, number>>8&255, number&255)
	condition := func(kind string) map[string]string {
		return map[string]string{"type": kind, "status": "True", "lastTransitionTime": now()}
	}
	// The values are text and numbers: they can always be written.
	body, _ := json.Marshal(map[string]any{"status": map[string]any{
		"phase": "Running", "startTime": now(), "hostIP": "10.0.0.1", "podIP": address, "podIPs": []map[string]string{{"ip": address}},
		"conditions":        []map[string]string{condition("Initialized"), condition("ContainersReady"), condition("Ready")},
		"containerStatuses": statuses(p.Spec.Containers, fmt.Sprintf(`{"running": {"startedAt": %q}}`, now()), true),
		"initContainerStatuses": statuses(p.Spec.InitContainers,
			fmt.Sprintf(`{"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": %[1]q, "finishedAt": %[1]q}}`, now()), true),
	}})
	return body
}
