-- Times are milliseconds since 1970 UTC; lists and maps are JSON.

-- +goose Up

-- How many resources of a type a tenant has: what a quota is checked against.
CREATE TABLE resource_counts (
    account TEXT   NOT NULL,
    region  TEXT   NOT NULL,
    type    TEXT   NOT NULL,
    n       BIGINT NOT NULL,
    PRIMARY KEY (account, region, type)
);

CREATE TABLE logging_configurations (
    account     TEXT   NOT NULL,
    region      TEXT   NOT NULL,
    id          TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    create_time BIGINT NOT NULL,
    update_time BIGINT NOT NULL,
    destination TEXT   NOT NULL,
    state       TEXT   NOT NULL,
    tags        TEXT   NOT NULL,
    PRIMARY KEY (account, region, id)
);

CREATE INDEX logging_configurations_listed
    ON logging_configurations (account, region, update_time DESC, id);

-- handler_uri is NULL for a room that never had a message review handler.
CREATE TABLE rooms (
    account              TEXT   NOT NULL,
    region               TEXT   NOT NULL,
    id                   TEXT   NOT NULL,
    name                 TEXT   NOT NULL,
    create_time          BIGINT NOT NULL,
    update_time          BIGINT NOT NULL,
    maximum_message_rate   BIGINT NOT NULL,
    maximum_message_length BIGINT NOT NULL,
    handler_uri          TEXT,
    handler_fallback     TEXT,
    tags                 TEXT   NOT NULL,
    PRIMARY KEY (account, region, id)
);

CREATE INDEX rooms_listed ON rooms (account, region, update_time DESC, id);

CREATE INDEX rooms_listed_by_name ON rooms (account, region, name, update_time DESC, id);

CREATE INDEX rooms_listed_by_handler ON rooms (account, region, handler_uri, update_time DESC, id)
    WHERE handler_uri IS NOT NULL;

CREATE TABLE room_logging_configurations (
    account                  TEXT   NOT NULL,
    region                   TEXT   NOT NULL,
    room_id                  TEXT   NOT NULL,
    position                 BIGINT NOT NULL,
    logging_configuration_id TEXT   NOT NULL,
    PRIMARY KEY (account, region, room_id, position),
    FOREIGN KEY (account, region, room_id)
        REFERENCES rooms (account, region, id) ON DELETE CASCADE,
    FOREIGN KEY (account, region, logging_configuration_id)
        REFERENCES logging_configurations (account, region, id)
);

CREATE INDEX room_logging_configurations_by_configuration
    ON room_logging_configurations (account, region, logging_configuration_id, room_id);

-- Chat tokens that were used. An id names one token of one tenant by itself.
CREATE TABLE token_claims (
    id      BLOB   NOT NULL PRIMARY KEY,
    expires BIGINT NOT NULL
);

CREATE INDEX token_claims_by_expiry ON token_claims (expires);

-- A room may be gone while its chat log still waits for delivery: no foreign key.
CREATE TABLE outbox (
    id                     BIGINT NOT NULL PRIMARY KEY,
    account                TEXT   NOT NULL,
    region                 TEXT   NOT NULL,
    room_id                TEXT   NOT NULL,
    logging_configurations TEXT   NOT NULL,
    entry_id               TEXT   NOT NULL,
    type                   TEXT   NOT NULL,
    time                   BIGINT NOT NULL,
    payload                BLOB   NOT NULL
);

-- One row: the last id given out, and what the outbox holds now.
CREATE TABLE outbox_size (
    id      BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    last_id BIGINT NOT NULL,
    records BIGINT NOT NULL,
    bytes   BIGINT NOT NULL
);

INSERT INTO outbox_size (id, last_id, records, bytes) VALUES (1, 0, 0, 0);

-- +goose Down

DROP TABLE outbox_size;
DROP TABLE outbox;
DROP TABLE token_claims;
DROP TABLE room_logging_configurations;
DROP TABLE rooms;
DROP TABLE logging_configurations;
DROP TABLE resource_counts;
