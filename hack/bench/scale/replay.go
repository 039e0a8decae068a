package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Everything that the operator wrote for one stack, in its order: requests of one group were under way at the same time.
type recording struct {
	namespace string
	groups    [][]request
}

// recordings sorts the writes of stacks. Those that the API server refused are part of the operator's cost and not of its work.
func recordings(t *traffic) []recording {
	byNamespace := map[string][]request{}
	for _, r := range t.requests {
		if r.isWrite() && r.ResponseStatus.Code < 300 && strings.HasPrefix(r.ObjectRef.Namespace, stackPrefix) {
			byNamespace[r.ObjectRef.Namespace] = append(byNamespace[r.ObjectRef.Namespace], r)
		}
	}
	var all []recording
	for namespace, requests := range byNamespace {
		slices.SortFunc(requests, func(a, b request) int { return a.Received.Compare(b.Received) })
		recording := recording{namespace: namespace}
		var answered time.Time
		for _, r := range requests {
			last := len(recording.groups) - 1
			if last >= 0 && r.Received.Before(answered) {
				recording.groups[last] = append(recording.groups[last], r)
				if r.Answered.Before(answered) {
					answered = r.Answered
				}
			} else {
				recording.groups = append(recording.groups, []request{r})
				answered = r.Answered
			}
		}
		all = append(all, recording)
	}
	slices.SortFunc(all, func(a, b recording) int { return strings.Compare(a.namespace, b.namespace) })
	return all
}

// replay sends for as many new stacks what the operator sent for the recorded ones, as many stacks at a time as the operator works on,
// in namespaces from a number on, and returns the number of requests.
func replay(users, bare *client, all []recording, from, concurrency int) (int, error) {
	sent := 0
	var mutex sync.Mutex
	err := each(len(all), concurrency, func(i int) error {
		namespace := namespace(plainPrefix, from+i)
		uid, err := makeStack(users, namespace)
		if err != nil {
			return err
		}
		count, err := all[i].replay(bare, namespace, uid)
		mutex.Lock()
		defer mutex.Unlock()
		sent += count
		return err
	})
	return sent, err
}

func (r *recording) replay(bare *client, namespace, uid string) (int, error) {
	renamed := strings.NewReplacer(r.namespace, namespace, r.uid(), uid)
	sent := 0
	for _, group := range r.groups {
		err := each(len(group), len(group), func(i int) error { return group[i].send(bare, renamed) })
		if err != nil {
			return sent, err
		}
		sent += len(group)
	}
	return sent, nil
}

// uid is the recorded stack's own, from the objects that it owns.
func (r *recording) uid() string {
	for _, group := range r.groups {
		for _, request := range group {
			var object struct {
				Metadata struct {
					OwnerReferences []struct{ UID string }
				}
			}
			if json.Unmarshal(request.RequestObject, &object) == nil && len(object.Metadata.OwnerReferences) > 0 {
				return object.Metadata.OwnerReferences[0].UID
			}
		}
	}
	return "no uid is known"
}

var methods = map[string]string{
	"create": http.MethodPost, "update": http.MethodPut, "patch": http.MethodPatch, "delete": http.MethodDelete,
}

func (r *request) send(bare *client, renamed *strings.Replacer) error {
	if len(r.RequestObject) == 0 && r.Verb != "delete" {
		return fmt.Errorf("the audit log has no body of %s %s: start the cluster with --audit-requests", r.Verb, r.RequestURI)
	}
	contentType := "application/json"
	if r.Verb == "patch" {
		contentType = mergePatch
		if strings.Contains(r.RequestURI, "fieldManager=") {
			contentType = applyPatch
		}
	}
	body := []byte(renamed.Replace(string(r.RequestObject)))
	if contentType == applyPatch {
		body = unbound(body)
	}
	_, err := bare.do(methods[r.Verb], renamed.Replace(r.RequestURI), contentType, body)
	return err
}

// unbound takes out which state of an object a request was made for: what is replayed has other versions. The version that no object has
// stays, which says that the object is to be created.
func unbound(body []byte) []byte {
	var object map[string]json.RawMessage
	var metadata map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil || json.Unmarshal(object["metadata"], &metadata) != nil {
		return body
	}
	if version, ok := metadata["resourceVersion"]; !ok || bytes.Equal(version, []byte(`"1"`)) {
		return body
	}
	delete(metadata, "resourceVersion")
	delete(metadata, "uid")
	var err error
	if object["metadata"], err = json.Marshal(metadata); err != nil {
		return body
	}
	if unbound, err := json.Marshal(object); err == nil {
		return unbound
	}
	return body
}
