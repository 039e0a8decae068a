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

// A child of this kind was back after so long.
type repair struct {
	resource string
	took     time.Duration
}

// repairTimes deletes one child after the other, of one stack after the other, and returns the times until they were back, in order: from
// before the request to delete it until a watch shows its successor.
func repairTimes(api *client, stacks, count int) ([]repair, error) {
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
		path := fmt.Sprintf("%s/%s?watch=1&timeoutSeconds=3600&%s", kind.api, kind.resource, ours)
		go func() {
			failed <- api.watch(ctx, path, metadataOnly, func(event string, object json.RawMessage) {
				var c child
				if event == "ADDED" && json.Unmarshal(object, &c) == nil {
					arrivals <- arrival{c.key(kind.resource), c.Metadata.UID, time.Now()}
				}
			})
		}()
	}
	var times []repair
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
		start := time.Now()
		if _, err := api.do(http.MethodDelete, within+"/"+victim.Metadata.Name, "", nil); err != nil {
			return nil, err
		}
		limit := time.After(time.Minute)
		for back := false; !back; {
			select {
			case a := <-arrivals:
				if back = a.key == victim.key(kind.resource) && a.uid != victim.Metadata.UID; back {
					times = append(times, repair{kind.resource, a.at.Sub(start)})
				}
			case err := <-failed:
				return nil, errors.Join(errors.New("a watch ended"), err)
			case <-limit:
				return nil, fmt.Errorf("%s is not back after a minute", victim.key(kind.resource))
			}
		}
		// The cluster takes the pods of a deleted Deployment away and makes new ones: that is not what is measured next.
		pause := 150 * time.Millisecond
		if kind.resource == "deployments" {
			pause = time.Second
		}
		time.Sleep(pause)
	}
	slices.SortFunc(times, func(a, b repair) int { return cmp.Compare(a.took, b.took) })
	return times, nil
}

// byKind tells of each kind how long half of its repairs and the slowest one took.
func byKind(times []repair) string {
	var said []string
	for _, kind := range repaired {
		var of []time.Duration
		for _, r := range times {
			if r.resource == kind.resource {
				of = append(of, r.took)
			}
		}
		if len(of) > 0 {
			said = append(said, fmt.Sprintf("%s %s, %s", kind.resource, short(of[len(of)/2]), short(of[len(of)-1])))
		}
	}
	return strings.Join(said, "; ")
}
