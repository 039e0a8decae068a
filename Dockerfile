# The image of the operator: a static program under its two names, and the certificates of authorities. hack/image takes the
# same steps without Docker, by reading this file; what it does not understand, it refuses.
#   docker build -t compose-operator:dev .
ARG BUILDER=rust:1.95-bookworm
FROM ${BUILDER} AS builder
# Writes the list of crates into the program, for SBOMs of the image and scanners of vulnerabilities.
RUN cargo install cargo-auditable --quiet --locked --version 0.7.7 --root /tools
WORKDIR /src
COPY Cargo.toml Cargo.lock rust-toolchain.toml ./
COPY src src
# Named in Cargo.toml, and so looked for.
COPY benches benches
# For the machine that builds: for another architecture, the builder is run as that one (docker buildx --platform). A target
# that is named keeps the flag from build scripts and macros, which cannot be static.
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
    && PATH="/tools/bin:$PATH" RUSTFLAGS="-C target-feature=+crt-static" \
       cargo auditable build --release --locked --bin compose-operator --target "$target" \
    && install -D -t /out "target/$target/release/compose-operator" \
    && ln -s compose-operator /out/kubectl-compose

FROM scratch
LABEL org.opencontainers.image.title="compose-operator" \
      org.opencontainers.image.description="Runs Docker Compose applications on Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=builder /out/ /
# The authorities that registries are trusted by.
COPY --from=builder /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/compose-operator"]
CMD ["run"]
