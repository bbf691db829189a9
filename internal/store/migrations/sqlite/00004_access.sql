-- +goose Up

-- Access keys. Secrets are sealed; a session's key has a parent and an end.
CREATE TABLE access_keys (
    id        TEXT   NOT NULL PRIMARY KEY,
    account   TEXT   NOT NULL,
    name      TEXT   NOT NULL,
    sealed    BLOB   NOT NULL,
    disabled  BIGINT NOT NULL, -- 1 if it may not be used
    policies  TEXT   NOT NULL, -- documents, as a JSON list of texts
    parent    TEXT   NOT NULL, -- "" if it is none's
    created   BIGINT NOT NULL,
    expires   BIGINT NOT NULL, -- 0: never
    last_used BIGINT NOT NULL  -- 0: never
);

CREATE INDEX access_keys_by_parent ON access_keys (parent);

-- Accounts that are not active.
CREATE TABLE accounts (
    account TEXT NOT NULL PRIMARY KEY,
    state   TEXT NOT NULL
);

-- Keys of chat tokens and page tokens, sealed. The newest of a kind that all
-- servers have seen seals.
CREATE TABLE token_keys (
    kind    TEXT   NOT NULL, -- chat, page
    id      TEXT   NOT NULL,
    sealed  BLOB   NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);

-- Grows with every change to the tables above but that of last_used.
CREATE TABLE access_version (id BIGINT NOT NULL PRIMARY KEY, version BIGINT NOT NULL);
INSERT INTO access_version (id, version) VALUES (1, 1);

-- +goose Down

DROP TABLE access_version;
DROP TABLE token_keys;
DROP TABLE accounts;
DROP TABLE access_keys;
