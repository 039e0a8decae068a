package main

import (
	"bytes"
	"fmt"
)

// document makes a Compose file as people write them: anchors and merge keys, defaults of variables, short forms, and
// with more than a handful of services one that the others extend.
func document(services int) []byte {
	var out bytes.Buffer
	out.WriteString(`name: bench
x-logging: &logging
  driver: json-file
  options: {max-size: 10m, max-file: "3"}
x-environment: &environment
  LOG_LEVEL: ${LOG_LEVEL:-info}
  REGION: eu-1
  FEATURES: "true"
services:
`)
	extends := services > 3
	if extends {
		services--
		out.WriteString(`  base:
    image: registry.example.com/base:1.0
    logging: *logging
    environment: *environment
    restart: unless-stopped
    deploy:
      resources:
        limits: {cpus: "0.5", memory: 256M}
`)
	}
	for i := range services {
		port := 8000 + i%1000
		fmt.Fprintf(&out, "  service-%d:\n", i)
		if extends {
			out.WriteString("    extends: {service: base}\n")
		}
		fmt.Fprintf(&out, `    image: registry.example.com/team/service-%[1]d:${TAG:-1.%[1]d}
    environment:
      <<: *environment
      NAME: service-%[1]d
      PORT: "%[2]d"
    ports:
      - "%[3]d:%[2]d"
    volumes:
      - data-%[4]d:/var/lib/data
      - ./conf/%[1]d:/etc/conf:ro
    networks: [front, back]
    healthcheck:
      test: [CMD, curl, -f, http://localhost:%[2]d/health]
      interval: 10s
      retries: 5
    labels:
      com.example.index: "%[1]d"
      com.example.team: platform
`, i, port, 10000+i, i%min(services, 50))
		if i%10 > 0 {
			fmt.Fprintf(&out, "    depends_on:\n      service-%d: {condition: service_started}\n", i-1)
		}
	}
	out.WriteString("networks:\n  front: {}\n  back: {internal: true}\nvolumes:\n")
	for i := range min(services, 50) {
		fmt.Fprintf(&out, "  data-%d: {}\n", i)
	}
	return out.Bytes()
}

// plainDocument makes services with a port, a volume and a dependency each.
func plainDocument(services int) []byte {
	var out bytes.Buffer
	out.WriteString("name: bench\nservices:\n")
	for i := range services {
		fmt.Fprintf(&out, "  service-%[1]d:\n    image: registry.example.com/team/service-%[1]d:1.%[1]d\n    ports: [\"%[2]d:8080\"]\n"+
			"    volumes: [\"data-%[1]d:/var/lib/data\"]\n", i, 10000+i)
		if i > 0 {
			fmt.Fprintf(&out, "    depends_on: [service-%d]\n", i-1)
		}
	}
	out.WriteString("volumes:\n")
	for i := range services {
		fmt.Fprintf(&out, "  data-%d: {}\n", i)
	}
	return out.Bytes()
}
