-- +goose Up

-- Which destinations still lack a record: it leaves the outbox with the last.
CREATE TABLE outbox_deliveries (
    logging_configuration TEXT   NOT NULL,
    room_id               TEXT   NOT NULL,
    record_id             BIGINT NOT NULL,
    PRIMARY KEY (logging_configuration, room_id, record_id)
);

CREATE INDEX outbox_deliveries_by_record ON outbox_deliveries (record_id);

INSERT INTO outbox_deliveries (logging_configuration, room_id, record_id)
    SELECT j.value, o.room_id, o.id FROM outbox o, json_each(o.logging_configurations) j;

-- What a destination refuses for good, with its reason.
CREATE TABLE dead_letters (
    logging_configuration TEXT   NOT NULL,
    record_id             BIGINT NOT NULL,
    account               TEXT   NOT NULL,
    region                TEXT   NOT NULL,
    room_id               TEXT   NOT NULL,
    entry_id              TEXT   NOT NULL,
    type                  TEXT   NOT NULL,
    time                  BIGINT NOT NULL,
    payload               BLOB   NOT NULL,
    reason                TEXT   NOT NULL,
    PRIMARY KEY (logging_configuration, record_id)
);

-- +goose Down

DROP TABLE dead_letters;
DROP TABLE outbox_deliveries;
