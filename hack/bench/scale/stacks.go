package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	stackName  = "shop"
	stacksPath = "/apis/compose-operator.dev/v1alpha1/namespaces/%s/composestacks"
	// Objects of nobody but users of stacks; all of a metadata client's answers.
	metadataOnly = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
	tables       = "application/json;as=Table;g=meta.k8s.io;v=v1"
)

// A web site, its application and a cache: three services that depend on each other, a published port, a configuration file.
const document = `services:
  web:
    image: registry.example.com/shop/web:1.4
    ports: ["8080:8080"]
    environment:
      API_URL: http://api:3000
      LOG_LEVEL: info
    configs:
      - source: site
        target: /etc/site.conf
    depends_on: [api]
    restart: unless-stopped
  api:
    image: registry.example.com/shop/api:1.4
    command: [serve, --port, "3000"]
    environment:
      CACHE_URL: redis://cache:6379/0
      WORKERS: 4
    expose: ["3000"]
    depends_on:
      cache:
        condition: service_healthy
    deploy:
      resources:
        limits: {cpus: "0.5", memory: 256M}
    restart: unless-stopped
  cache:
    image: redis:7-alpine
    command: redis-server --save "" --appendonly no
    expose: ["6379"]
    healthcheck:
      test: [CMD, redis-cli, ping]
      interval: 5s
      timeout: 3s
      retries: 5
    restart: unless-stopped
configs:
  site:
    content: |
      listen 8080
      upstream http://api:3000
      cache 60s
`

// services is how many pods a stack has.
const services = 3

func namespace(prefix string, number int) string { return fmt.Sprintf("%s-%05d", prefix, number) }

// makeNamespaces makes the namespaces of stacks, and waits until pods can be created in them.
func makeNamespaces(api *client, prefix string, count int) error {
	return each(count, 32, func(i int) error {
		name := namespace(prefix, i)
		body := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": %q}}`, name)
		if _, err := api.do(http.MethodPost, "/api/v1/namespaces", "application/json", []byte(body)); err != nil {
			return err
		}
		for _, path := range []string{"/serviceaccounts/default", "/configmaps/kube-root-ca.crt"} {
			if err := there(api, "/api/v1/namespaces/"+name+path); err != nil {
				return err
			}
		}
		return nil
	})
}

func there(api *client, path string) error {
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		_, err := api.do(http.MethodGet, path, "", nil)
		if answer := new(refused); err == nil || !errors.As(err, &answer) || answer.code != http.StatusNotFound || time.Now().After(deadline) {
			return err
		}
	}
}

// gone waits until a namespace has no pod of a stack any more, and nothing that owns one.
func gone(api *client, namespace string) error {
	for _, resource := range []string{"/apis/apps/v1/namespaces/%s/deployments", "/apis/apps/v1/namespaces/%s/replicasets", "/api/v1/namespaces/%s/pods"} {
		for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
			answer, err := api.do(http.MethodGet, fmt.Sprintf(resource, namespace), "", nil)
			if err != nil {
				return err
			}
			var list struct{ Items []json.RawMessage }
			if err := json.Unmarshal(answer, &list); err != nil {
				return err
			}
			if len(list.Items) == 0 {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%d objects of %s are still there", len(list.Items), fmt.Sprintf(resource, namespace))
			}
		}
	}
	return nil
}

// makeStack creates the stack of a namespace and returns its uid.
func makeStack(api *client, namespace string) (string, error) {
	body, err := json.Marshal(map[string]any{
		"apiVersion": "compose-operator.dev/v1alpha1", "kind": "ComposeStack",
		"metadata": map[string]string{"name": stackName},
		"spec":     map[string]string{"composeFile": document},
	})
	if err != nil {
		return "", err
	}
	answer, err := api.do(http.MethodPost, fmt.Sprintf(stacksPath, namespace), "application/json", body)
	if err != nil {
		return "", err
	}
	var stack struct{ Metadata struct{ UID string } }
	return stack.Metadata.UID, errors.Join(json.Unmarshal(answer, &stack))
}

// Which stacks of the operator are ready, as `kubectl get --watch` tells.
type readiness struct {
	mutex   sync.Mutex
	changed *sync.Cond
	ready   map[string]bool
	reasons map[string]string
	err     error
}

func watchReadiness(ctx context.Context, api *client) *readiness {
	r := &readiness{ready: map[string]bool{}, reasons: map[string]string{}}
	r.changed = sync.NewCond(&r.mutex)
	go func() {
		column := -1
		err := api.watch(ctx, "/apis/compose-operator.dev/v1alpha1/composestacks?watch=1&timeoutSeconds=3600", tables,
			func(_ string, object json.RawMessage) {
				var table struct {
					ColumnDefinitions []struct{ Name string }
					Rows              []struct {
						Cells  []any
						Object struct{ Metadata struct{ Namespace string } }
					}
				}
				if json.Unmarshal(object, &table) != nil {
					return
				}
				for i, definition := range table.ColumnDefinitions {
					if definition.Name == "Ready" {
						column = i
					}
				}
				r.mutex.Lock()
				defer r.mutex.Unlock()
				for _, row := range table.Rows {
					if column < 0 || column+1 >= len(row.Cells) {
						continue
					}
					key := row.Object.Metadata.Namespace
					if !strings.HasPrefix(key, stackPrefix) {
						continue
					}
					r.reasons[key] = fmt.Sprint(row.Cells[column+1])
					if row.Cells[column] == "True" {
						r.ready[key] = true
					} else {
						delete(r.ready, key)
					}
				}
				r.changed.Broadcast()
			})
		r.mutex.Lock()
		defer r.mutex.Unlock()
		r.err = err
		r.changed.Broadcast()
	}()
	return r
}

// wait returns once so many stacks are ready.
func (r *readiness) wait(count int, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	timer := time.AfterFunc(limit, r.changed.Broadcast)
	defer timer.Stop()
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for len(r.ready) < count {
		if r.err != nil {
			return r.err
		}
		if !time.Now().Before(deadline) {
			reasons := map[string]int{}
			for key, reason := range r.reasons {
				if !r.ready[key] {
					reasons[reason]++
				}
			}
			return fmt.Errorf("%d of %d stacks are ready after %s; the others by their reasons: %v", len(r.ready), count, limit, reasons)
		}
		r.changed.Wait()
	}
	return nil
}
