package dev.whimbrel.runbook;

/** The examples of the design. */
final class Examples {
  static final String BIG =
      """
      name: shop-to-azure                       # also names the workflow and every object on the servers
      service: shop
      approvers: [ana@example.com, luis@example.com]

      source:
        postgres:
          url: postgresql://migrator@db.old.example.com/shop?sslmode=verify-full     # as the workers reach it
          password: env:SOURCE_PASSWORD                                             # read on the worker
          peer: {url: "postgresql://whimbrel@10.1.0.5/shop?sslmode=require", password: "file:/run/secrets/source-peer"}
        addresses: [203.0.113.10, "2001:db8:1::10"]
      target:
        postgres:
          url: postgresql://migrator@db.new.example.com/shop?sslmode=verify-full
          password: file:/run/secrets/target
          peer: {url: "postgresql://whimbrel@10.2.0.5/shop?sslmode=require", password: "file:/run/secrets/target-peer"}
          storage: 2TB                                                              # what was bought
        addresses: [198.51.100.20, "2001:db8:2::20"]

      connect:                                  # how applications find the database
        - pgbouncer:
            admin: "postgresql://admin@127.0.0.1:6432/pgbouncer"
            database: shop
            switch: {file: /etc/pgbouncer/pgbouncer.ini}
        - command:
            do: [./point-reporting, target]
            undo: [./point-reporting, source]

      leftBehind: [{role: legacy_export, because: "retired with the old side"}]

      dns:
        route53: {zone: Z123}
        names: [shop.example.com]               # all address records of a name move together
        ttl: {lower: 60, restore: 3600}         # or lower: [3600, 300, 60], in steps
        resolvers: [192.0.2.53]

      replicate: {jobs: 4, soak: 24h, maxLag: 1s}
      validate:
        smoke:
          - {http: "https://shop.example.com/healthz", expect: 200, via: target}
          - {sql: "select count(*) > 0 from orders"}
          - {command: [./suite, --read-only], timeout: 20m}
        canary: {weights: [1, 5, 25], bake: 24h}
      guards:
        - {http: "https://shop.example.com/healthz", maxErrorRate: 1%, p99: 500ms, over: 5m, then: rollback}
      cutover: {window: "Sun 02:00-06:00 Europe/Stockholm", approval: required, pauseBudget: 5s, monitor: 30m}
      rollback: {window: 72h, by: [ana@example.com]}
      decommission: {approval: required, retire: {ec2: [i-0abc], terminateAfter: 7d}}
      """;

  /** The same with a zone on a server that takes updates, and so without a canary. */
  static final String BY_UPDATES =
      BIG.replace(
              "route53: {zone: Z123}",
              "rfc2136: {server: \"ns1.example.com:53\", zone: example.com, key: {name: whimbrel,"
                  + " algorithm: hmac-sha256, secret: \"file:/run/secrets/tsig\"}}")
          .replace("  canary: {weights: [1, 5, 25], bake: 24h}\n", "");

  private Examples() {}
}
