-- +goose Up
-- One text for SQLite and PostgreSQL. Times are UTC microseconds, identifiers UUID text, lists JSON text.

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    username TEXT NOT NULL,
    email TEXT NOT NULL,
    email_verified BOOLEAN NOT NULL,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    language TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    active BOOLEAN NOT NULL,
    staff BOOLEAN NOT NULL,
    superuser BOOLEAN NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL,
    last_login BIGINT NOT NULL
);
CREATE INDEX users_superuser ON users (superuser) WHERE superuser;

-- Usernames, e-mail addresses and (later) phone numbers share one namespace of normalised values.
CREATE TABLE identifiers (
    value TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind TEXT NOT NULL
);
CREATE INDEX identifiers_user ON identifiers (user_id);

-- A single row that the first superuser claims.
CREATE TABLE first_superuser (
    singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
    user_id TEXT NOT NULL
);

CREATE TABLE organizations (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    slug TEXT NOT NULL,
    active BOOLEAN NOT NULL,
    description TEXT NOT NULL,
    email TEXT NOT NULL,
    url TEXT NOT NULL,
    factor_policy TEXT NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL
);
CREATE UNIQUE INDEX organizations_slug ON organizations (slug);

CREATE TABLE memberships (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL
);
CREATE UNIQUE INDEX memberships_user_organization ON memberships (user_id, organization_id);
CREATE UNIQUE INDEX memberships_owner ON memberships (organization_id) WHERE role = 'owner';
CREATE INDEX memberships_organization ON memberships (organization_id);

CREATE TABLE groups (
    id TEXT PRIMARY KEY,
    organization_id TEXT REFERENCES organizations (id) ON DELETE CASCADE,
    name TEXT NOT NULL
);
CREATE UNIQUE INDEX groups_organization_name ON groups (organization_id, name) WHERE organization_id IS NOT NULL;
CREATE UNIQUE INDEX groups_shared_name ON groups (name) WHERE organization_id IS NULL;

CREATE TABLE group_permissions (
    group_id TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    permission TEXT NOT NULL,
    PRIMARY KEY (group_id, permission)
);

CREATE TABLE group_members (
    group_id TEXT NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, user_id)
);
CREATE INDEX group_members_user ON group_members (user_id);

CREATE TABLE user_permissions (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    permission TEXT NOT NULL,
    PRIMARY KEY (user_id, permission)
);

CREATE TABLE identities (
    connector TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created BIGINT NOT NULL,
    last_login BIGINT NOT NULL,
    PRIMARY KEY (connector, subject)
);
CREATE INDEX identities_user ON identities (user_id);

CREATE TABLE factors (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    secret BYTEA NOT NULL,
    last_step BIGINT NOT NULL,
    created BIGINT NOT NULL,
    last_used BIGINT NOT NULL
);
CREATE UNIQUE INDEX factors_user_kind_name ON factors (user_id, kind, name);

CREATE TABLE clients (
    id TEXT PRIMARY KEY,
    organization_id TEXT REFERENCES organizations (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    public BOOLEAN NOT NULL,
    secret_hash TEXT NOT NULL,
    redirect_uris TEXT NOT NULL,
    post_logout TEXT NOT NULL,
    grant_types TEXT NOT NULL,
    scopes TEXT NOT NULL,
    audience TEXT NOT NULL,
    id_token_alg TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    created BIGINT NOT NULL,
    modified BIGINT NOT NULL
);

CREATE TABLE versions (
    name TEXT PRIMARY KEY,
    version BIGINT NOT NULL
);
INSERT INTO versions (name, version) VALUES ('clients', 1);

-- One row per grant, however often its refresh token rotates. A tombstone (revoked before it was written) has no client.
CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    scopes TEXT NOT NULL,
    auth_time BIGINT NOT NULL,
    acr TEXT NOT NULL,
    amr TEXT NOT NULL,
    nonce TEXT NOT NULL,
    generation BIGINT NOT NULL,
    token_hash TEXT NOT NULL,
    successor BYTEA,
    rotated BIGINT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    revoked BIGINT NOT NULL
);
CREATE INDEX grants_session ON grants (session_id);
CREATE INDEX grants_user ON grants (user_id);
CREATE INDEX grants_expires ON grants (expires);

CREATE TABLE signing_keys (
    id TEXT PRIMARY KEY,
    algorithm TEXT NOT NULL,
    state TEXT NOT NULL,
    private BYTEA NOT NULL,
    created BIGINT NOT NULL,
    retires BIGINT NOT NULL
);
CREATE UNIQUE INDEX signing_keys_state ON signing_keys (algorithm, state) WHERE state <> 'retired';

CREATE TABLE audit_events (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    reason TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_events_organization ON audit_events (organization_id, id);

-- Short-lived values (package session), where Redis is not configured.
CREATE TABLE ephemeral (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    value BYTEA NOT NULL,
    indexes TEXT NOT NULL,
    expires BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX ephemeral_expires ON ephemeral (expires);

CREATE TABLE ephemeral_indexes (
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (kind, name, id),
    FOREIGN KEY (kind, id) REFERENCES ephemeral (kind, id) ON DELETE CASCADE
);
CREATE INDEX ephemeral_indexes_entry ON ephemeral_indexes (kind, id);

CREATE TABLE ephemeral_hits (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    count BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX ephemeral_hits_ends ON ephemeral_hits (ends);
