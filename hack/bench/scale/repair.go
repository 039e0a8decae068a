package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Kinds of children that are deleted to see them return.
var repaired = []struct{ api, resource string }{
	{"/api/v1", "services"}, {"/apis/apps/v1", "deployments"}, {"/api/v1", "configmaps"},
}

type child struct {
	Metadata struct{ Name, Namespace, UID string }
}

func (c *child) key(resource string) string {
	return resource + " " + c.Metadata.Namespace + "/" + c.Metadata.Name
}

// A child that was deleted and came back.
type repair struct {
	resource, key string
	began, back   time.Time
	// How long the API server took to delete it, or at least until the operator had heard of that and sent its successor; how long after
	// the answer that was; how long the API server took to create the successor; and the rest: requests and news on their ways.
	deleting, hearing, creating, rest time.Duration
}

func (r *repair) took() time.Duration { return r.back.Sub(r.began) }

func (r *repair) String() string {
	return fmt.Sprintf("%s after %s: the API server deleted it in %s, the operator sent its successor %s later, the API server created that in %s; %s on the way",
		r.key, short(r.took()), short(r.deleting), short(r.hearing), short(r.creating), short(r.rest))
}

// repairTimes deletes one child after the other, of one stack after the other, each once the cluster is quiet, for it takes the pods of a
// deleted Deployment away and makes new ones. It returns how they came back, the fastest first: from before the request to delete one until
// a watch shows its successor.
func repairTimes(api *client, log string, stacks, count int) ([]repair, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	type arrival struct {
		key, uid string
		at       time.Time
	}
	arrivals := make(chan arrival, 1<<16)
	failed := make(chan error, len(repaired))
	const ours = "labelSelector=app.kubernetes.io%2Fmanaged-by%3Dcompose-operator"
	for _, kind := range repaired {
		from, err := newest(api, kind.api+"/"+kind.resource)
		if err != nil {
			return nil, err
		}
		path := fmt.Sprintf("%s/%s?watch=1&timeoutSeconds=3600&resourceVersion=%s&%s", kind.api, kind.resource, from, ours)
		go func() {
			failed <- api.watch(ctx, path, metadataOnly, func(event string, object json.RawMessage) {
				var c child
				if event == "ADDED" && json.Unmarshal(object, &c) == nil {
					arrivals <- arrival{c.key(kind.resource), c.Metadata.UID, time.Now()}
				}
			})
		}()
	}
	since, err := mark(log)
	if err != nil {
		return nil, err
	}
	var repairs []repair
	for i := range count {
		kind := repaired[i%len(repaired)]
		within := fmt.Sprintf("%s/namespaces/%s/%s", kind.api, namespace(stackPrefix, i%stacks), kind.resource)
		answer, err := api.do(http.MethodGet, within+"?"+ours, "", nil)
		if err != nil {
			return nil, err
		}
		var list struct{ Items []child }
		if err := json.Unmarshal(answer, &list); err != nil {
			return nil, err
		}
		if len(list.Items) == 0 {
			return nil, fmt.Errorf("there is nothing at %s", within)
		}
		victim := list.Items[i%len(list.Items)]
		key := victim.key(kind.resource)
		if err := untilQuiet(log); err != nil {
			return nil, err
		}
		start := time.Now()
		if _, err := api.do(http.MethodDelete, within+"/"+victim.Metadata.Name, "", nil); err != nil {
			return nil, err
		}
		limit := time.After(time.Minute)
		for back := false; !back; {
			select {
			case a := <-arrivals:
				if back = a.key == key && a.uid != victim.Metadata.UID; back {
					repairs = append(repairs, repair{resource: kind.resource, key: key, began: start, back: a.at})
				}
			case err := <-failed:
				return nil, errors.Join(errors.New("a watch ended"), err)
			case <-limit:
				return nil, fmt.Errorf("%s is not back after a minute", key)
			}
		}
	}
	// The pods of the last Deployment are still on their way, and their stack's status with them.
	if err := untilQuiet(log); err != nil {
		return nil, err
	}
	if err := divide(repairs, log, since); err != nil {
		return nil, err
	}
	slices.SortFunc(repairs, func(a, b repair) int { return cmp.Compare(a.took(), b.took()) })
	return repairs, nil
}

// newest returns the version of a collection as it is. A watch from there brings news alone: without it, the API server and
// the bench would still be busy with thousands of children that have always been there when the first of them is deleted.
func newest(api *client, collection string) (string, error) {
	answer, err := api.do(http.MethodGet, collection+"?limit=1", "", nil)
	if err != nil {
		return "", err
	}
	var list struct {
		Metadata struct{ ResourceVersion string }
	}
	if err := json.Unmarshal(answer, &list); err != nil {
		return "", err
	}
	return list.Metadata.ResourceVersion, nil
}

// divide tells by the audit log who took the time of each repair.
func divide(repairs []repair, log string, since int64) error {
	type pair struct{ delete, create *request }
	byKey := map[string][]request{}
	err := readRequests(log, since, nil, func(r request) {
		if r.ResponseStatus.Code < 300 && (r.Verb == "delete" || r.Verb == "patch" && r.User.Username == operatorUser) {
			key := r.ObjectRef.Resource + " " + r.ObjectRef.Namespace + "/" + r.ObjectRef.Name
			byKey[key] = append(byKey[key], r)
		}
	})
	if err != nil {
		return err
	}
	for i := range repairs {
		r := &repairs[i]
		var found pair
		for _, request := range byKey[r.key] {
			switch {
			case request.Received.Before(r.began) || request.Received.After(r.back):
			case request.Verb == "delete":
				found.delete = &request
			case request.ResponseStatus.Code == http.StatusCreated:
				found.create = &request
			}
		}
		if found.delete == nil || found.create == nil {
			return fmt.Errorf("the audit log does not tell who deleted and who made %s", r.key)
		}
		// The API server may tell of a deletion before it has answered the request: it still frees a Service's address then.
		deleted := found.delete.Answered
		if found.create.Received.Before(deleted) {
			deleted = found.create.Received
		}
		r.deleting = deleted.Sub(found.delete.Received)
		r.hearing = found.create.Received.Sub(deleted)
		r.creating = found.create.Answered.Sub(found.create.Received)
		r.rest = r.took() - r.deleting - r.hearing - r.creating
	}
	return nil
}

// quantile is what so many percent of durations stay within.
func quantile(percent int, repairs []repair, of func(*repair) time.Duration) time.Duration {
	var all []time.Duration
	for i := range repairs {
		all = append(all, of(&repairs[i]))
	}
	slices.Sort(all)
	return all[min(len(all)*percent/100, len(all)-1)]
}

// shares tells who takes how much of the time, of each kind for half of its repairs and for all but one in a hundred.
func shares(repairs []repair) string {
	var said []string
	for _, kind := range repaired {
		of := slices.DeleteFunc(slices.Clone(repairs), func(r repair) bool { return r.resource != kind.resource })
		if len(of) == 0 {
			continue
		}
		both := func(share func(*repair) time.Duration) string {
			return short(quantile(50, of, share)) + ", " + short(quantile(99, of, share))
		}
		said = append(said, fmt.Sprintf("%s %s (API server: deleting %s, creating %s; operator %s; on the way %s)", kind.resource,
			both((*repair).took), both(func(r *repair) time.Duration { return r.deleting }),
			both(func(r *repair) time.Duration { return r.creating }), both(func(r *repair) time.Duration { return r.hearing }),
			both(func(r *repair) time.Duration { return r.rest })))
	}
	return strings.Join(said, "; ")
}
