package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

const operatorUser = "compose-operator"

// A request as the API server's audit log tells of it.
type request struct {
	Verb       string
	RequestURI string
	User       struct{ Username string }
	ObjectRef  struct{ Resource, Subresource, Namespace, Name string }
	// What was sent, in the logs of clusters that were started for it.
	RequestObject  json.RawMessage
	ResponseStatus struct{ Code int }
	Received       time.Time `json:"requestReceivedTimestamp"`
	Answered       time.Time `json:"stageTimestamp"`
}

func (r *request) isWrite() bool {
	return slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, r.Verb)
}

// What the operator sent since a mark, its Lease aside, which it renews as long as it lives.
type traffic struct{ requests []request }

func mark(log string) (int64, error) {
	info, err := os.Stat(log)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// readTraffic reads what the operator sent.
func readTraffic(log string, from int64) (*traffic, error) {
	var t traffic
	err := readRequests(log, from, []byte(`"username":"`+operatorUser+`"`), func(r request) {
		if r.User.Username == operatorUser && r.ObjectRef.Resource != "leases" {
			t.requests = append(t.requests, r)
		}
	})
	return &t, err
}

// readRequests reads the requests of the lines that begin at a mark or after it, and hold a text.
func readRequests(log string, from int64, holding []byte, take func(request)) error {
	file, err := os.Open(log)
	if err != nil {
		return err
	}
	defer file.Close()
	// A line of some pages is there page by page: what was the end of the log then may be within one.
	if _, err := file.Seek(max(from-1, 0), io.SeekStart); err != nil {
		return err
	}
	reader := bufio.NewReaderSize(file, 1<<20)
	if from > 0 {
		switch _, err := reader.ReadBytes('\n'); err {
		case nil:
		case io.EOF:
			return nil
		default:
			return err
		}
	}
	for {
		line, err := reader.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if !bytes.Contains(line, holding) {
			continue
		}
		var r request
		if err := json.Unmarshal(line, &r); err != nil {
			return err
		}
		take(r)
	}
}

// untilQuiet waits until nobody has written anything for a moment but what is written all the time: Leases, and events, which
// their senders hold back.
func untilQuiet(log string) error {
	const moment = 250 * time.Millisecond
	for deadline := time.Now().Add(time.Minute); ; {
		since, err := mark(log)
		if err != nil {
			return err
		}
		time.Sleep(moment)
		writes := 0
		var last request
		err = readRequests(log, since, nil, func(r request) {
			if r.isWrite() && r.ObjectRef.Resource != "leases" && r.ObjectRef.Resource != "events" {
				last, writes = r, writes+1
			}
		})
		if err != nil || writes == 0 {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the cluster is not quiet after a minute: %s still does %s %s", last.User.Username, last.Verb, last.RequestURI)
		}
	}
}

func (t *traffic) count(which func(*request) bool) int {
	count := 0
	for i := range t.requests {
		if which(&t.requests[i]) {
			count++
		}
	}
	return count
}

func (t *traffic) writes() int { return t.count((*request).isWrite) }

// readsOfStacks counts GETs of single objects in the namespaces of stacks.
func (t *traffic) readsOfStacks() int {
	return t.count(func(r *request) bool { return r.Verb == "get" && strings.HasPrefix(r.ObjectRef.Namespace, stackPrefix) })
}

// lists counts the lists, and those among them that may bring everything at once.
func (t *traffic) lists() (all, unbounded int) {
	for i := range t.requests {
		r := &t.requests[i]
		if r.Verb != "list" {
			continue
		}
		all++
		address, err := url.Parse(r.RequestURI)
		if err != nil {
			unbounded++
			continue
		}
		query := address.Query()
		// The API server answers version 0 from its cache, and then heeds no limit.
		if query.Get("limit") == "" || query.Get("resourceVersion") == "0" {
			unbounded++
		}
	}
	return all, unbounded
}

// kinds counts the requests of one stack by verb and resource.
func (t *traffic) kinds() map[string]int {
	kinds := map[string]int{}
	for i := range t.requests {
		r := &t.requests[i]
		if r.Verb == "watch" {
			continue
		}
		resource := r.ObjectRef.Resource
		if r.ObjectRef.Subresource != "" {
			resource += "/" + r.ObjectRef.Subresource
		}
		kinds[r.Verb+" "+resource]++
	}
	return kinds
}
