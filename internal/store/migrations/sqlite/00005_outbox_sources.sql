-- +goose Up

-- How far a log that is read into the outbox was read: moved with what was read.
CREATE TABLE outbox_sources (
    source   TEXT   NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL
);

-- +goose Down

DROP TABLE outbox_sources;
