package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"
)

const (
	applyPatch     = "application/apply-patch+yaml"
	mergePatch     = "application/merge-patch+json"
	strategicPatch = "application/strategic-merge-patch+json"
)

// A client of the API server that does as little as a client can: bodies in, bodies out, over connections of HTTP/1.1, as the
// operator's client has them.
type client struct {
	server, token string
	http          *http.Client
}

func newClient(kubeconfig string) (*client, error) {
	command := exec.Command("kubectl", "config", "view", "--raw", "--minify", "--output", "json")
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	text, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("cannot read kubeconfig %s: %w", kubeconfig, err)
	}
	var config struct {
		Clusters []struct {
			Cluster struct {
				Server    string
				Authority []byte `json:"certificate-authority-data"`
			}
		}
		Users []struct{ User struct{ Token string } }
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, fmt.Errorf("kubeconfig %s: %w", kubeconfig, err)
	}
	if len(config.Clusters) != 1 || len(config.Users) != 1 || config.Users[0].User.Token == "" {
		return nil, fmt.Errorf("kubeconfig %s: expected one cluster, and one user with a token", kubeconfig)
	}
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(config.Clusters[0].Cluster.Authority)
	return &client{
		server: config.Clusters[0].Cluster.Server,
		token:  config.Users[0].User.Token,
		http: &http.Client{Transport: &http.Transport{
			TLSClientConfig:     &tls.Config{RootCAs: authorities},
			TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{},
			MaxIdleConnsPerHost: 128,
			DisableCompression:  true,
		}},
	}, nil
}

// An answer that is no success.
type refused struct {
	method, path string
	code         int
	body         string
}

func (r *refused) Error() string {
	return fmt.Sprintf("%s %s: %d: %.600s", r.method, r.path, r.code, r.body)
}

func (c *client) open(ctx context.Context, method, path, contentType, accept string, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.server+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	return c.http.Do(request)
}

// do sends a request and returns the body of the answer. An API server that is busy is asked again.
func (c *client) do(method, path, contentType string, body []byte) ([]byte, error) {
	for {
		answer, err := c.once(method, path, contentType, body)
		if busy := new(refused); !errors.As(err, &busy) || busy.code != http.StatusTooManyRequests {
			return answer, err
		}
		time.Sleep(time.Second)
	}
}

func (c *client) once(method, path, contentType string, body []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	response, err := c.open(ctx, method, path, contentType, "application/json", body)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		return nil, &refused{method, path, response.StatusCode, string(answer)}
	}
	return answer, nil
}

// watch calls take with every event until the context ends. The list that it begins with is part of the watch: an answer without
// a resourceVersion starts with what is there.
func (c *client) watch(ctx context.Context, path, accept string, take func(kind string, object json.RawMessage)) error {
	for ctx.Err() == nil {
		response, err := c.open(ctx, http.MethodGet, path, "", accept, nil)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		if response.StatusCode >= 300 {
			answer, _ := io.ReadAll(response.Body)
			response.Body.Close()
			if response.StatusCode == http.StatusTooManyRequests {
				time.Sleep(time.Second)
				continue
			}
			return &refused{"WATCH", path, response.StatusCode, string(answer)}
		}
		decoder := json.NewDecoder(response.Body)
		for {
			var event struct {
				Type   string
				Object json.RawMessage
			}
			if err := decoder.Decode(&event); err != nil {
				break
			}
			take(event.Type, event.Object)
		}
		response.Body.Close()
	}
	return nil
}

// each runs work for 0, 1, ... count-1, some at a time, and returns the first error.
func each(count, concurrency int, work func(int) error) error {
	next := make(chan int)
	failed := make(chan error, concurrency)
	for range concurrency {
		go func() {
			for i := range next {
				if err := work(i); err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	var first error
	left := concurrency
	for i := 0; i < count && first == nil; {
		select {
		case next <- i:
			i++
		case err := <-failed:
			first, left = err, left-1
		}
	}
	close(next)
	for range left {
		if err := <-failed; err != nil && first == nil {
			first = err
		}
	}
	return first
}
