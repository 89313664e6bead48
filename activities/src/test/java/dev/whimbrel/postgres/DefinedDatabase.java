package dev.whimbrel.postgres;

import dev.whimbrel.servers.PostgresServer;

/** Definitions as people have them, of every kind that servers write down in their own way. */
final class DefinedDatabase {
  private DefinedDatabase() {}

  static void create(PostgresServer server, String database) {
    server.createDatabase(database);
    server.execute(database, TYPES, TABLES, INDEXES, COLLATIONS);
  }

  private static final String TYPES =
      """
      create type state as enum ('in transit', 'it''s here', 'A "b"');
      create domain code as varchar(9) default 'x y' check (value in ('a', 'b c'));
      create domain mail as text not null check (value ~ '^[^@ ]+@[^@ ]+$')
        check (value like any (array['%@%', '%.%']));
      create domain pieces as int;
      create domain folded as text collate "C";
      create type amount as (value numeric(10, 2), currency char(3) collate "C", at timestamptz(3));
      create type loose as (x int, "Y y" text collate "C", z int[]);
      create type span as range (subtype = float8, subtype_diff = float8mi);
      create type letters as range (subtype = text, collation = "C");
      create sequence round increment -2 minvalue -9 maxvalue 9 start 1 cycle;
      create function touched() returns trigger language plpgsql as 'begin return new; end';
      """;

  private static final String TABLES =
      """
      create table marked (x xml check (xmlserialize(content x as text) <> '')
        check (xmlserialize(content x as varchar(9)) <> ''));
      create function many(variadic text[]) returns int immutable language sql as 'select 1';
      create table everything (
        id serial primary key, a int not null default -1, b smallint default '1', c bigint default 0,
        d numeric(9, 2) default 1.50, e float8 default 1e-5,
        name varchar(20) default 'a b' check (name in ('a', 'b c', 'd''e')),
        kind char(3) default 'N' check (kind in ('N', 'Y')),
        kind2 char(3) check (kind2 = any (array['N', 'Y']::bpchar[])),
        free varchar check (free like any (array['a%', '(b)%'])),
        word varchar(9) check (word = any ('{a,"b c"}')),
        word2 varchar(9) check (word2 <> all (array['a'::varchar, 'b c'])),
        state state default 'in transit' check (state <> all (array['in transit', 'A "b"']::state[])),
        tags varchar(9)[] default array['a', 'b c'], numbers int[] default '{1,2}',
        matrix text[] default array[array['a', 'b'], array['c'::varchar, 'd']],
        big bigint check (big in (1, 2)), exact numeric check (exact in (1, 2.5)),
        bigs bigint[] default array[1, 2], mixed bigint[] default array[1, 2]::int[],
        at timestamptz default now(), day date default current_date,
        late timestamp(3) default localtimestamp, wait interval default '1 day 02:03',
        wait2 interval hour to minute default '2:03',
        data jsonb default '{"a b": [1, "x"]}' check (data @@ '$.a[*] > 1')
          check (jsonb_typeof(data -> 'a') is distinct from 'null'),
        code code, mail mail default 'a@b', amount amount default row(1, 'SEK', null),
        who name default current_user, bits bit varying(5) default B'101', raw bytea default '\\x00ff',
        flag boolean default true check (flag), "true" boolean check ("true"), net inet default '10.0.0.1',
        path text default E'c:\\\\temp\\\\''x', sorted text collate "C", during tsrange,
        doubled int generated always as (a * 2) stored,
        low text generated always as (lower(name) || ' ' || coalesce(free, '-')) stored,
        check ((a + b) * c >= 0 or a between 1 and 10 and not (b > 3)),
        check (extract(year from day) > 1900 and substring(name from 1 for 2) <> 'xx'
          and position('z' in name) = 0 and trim(both from name) = name
          and overlay(name placing 'x' from 1) is not null),
        check (at at time zone 'UTC' > '2000-01-01'),
        check (many(variadic array[name]) > 0 and many(variadic array[name, 'b c'::varchar]) > 0 and many(name) > 0),
        check (case when a > 0 then b in (1, 2) else c in (3, 4) end),
        check (case name when 'a' then 1 when 'b c' then 2 end > 0),
        check (name similar to '%(a|b)%' or name ~* '[(] x' or (a, b) < (3, 4)),
        check (coalesce(name, free) is not null and nullif(kind, 'Z') is not null and greatest(a, b) > -5),
        check ((amount).value > 0 and tags[1] <> 'x y'),
        check (length(name)::numeric(4, 1) / 2 > 0.5 and c::text::varchar(3) <> 'abc'),
        exclude using gist (during with &&) where (a > 0 and name = 'b c'),
        exclude using gist (int4range(a, a + 1) with &&) deferrable initially deferred);
      create table selected (id int primary key references everything on delete cascade,
        other int references selected deferrable, body varchar not null default 'x'::varchar(3));
      alter table selected add constraint later check (body in ('x', 'y')) not valid;
      alter table selected enable row level security;
      alter table selected force row level security;
      create trigger changed before update on everything for each row
        when (old.name is distinct from new.name and (new.a + 1) * 2 > old.a)
        execute function touched('it''s (a)', 'b');
      create trigger changed_at_all after update of a, name on everything for each row
        when (old.* is distinct from new.*) execute function touched();
      create table parent (id int, name varchar(9) check (name in ('a', 'b')));
      create table child (more text) inherits (parent);
      create table events (at timestamptz not null, kind varchar(9) not null) partition by range (at);
      create table events_1 partition of events for values from (minvalue) to ('2024-01-01 00:00+00');
      create table events_2 partition of events for values from ('2024-01-01 00:00+00') to ('2025-01-01 00:00+00')
        partition by list (lower(kind));
      create table events_2a partition of events_2 for values in ('a', 'b c', null);
      create table events_2b partition of events_2 default;
      create trigger heard before insert or update on events_2 for each row
        when (new.kind <> 'a b') execute function touched('x y');
      create constraint trigger checked after insert on events
        deferrable initially deferred for each row execute function touched();
      alter table events_2a disable trigger checked;
      create table dealt (id bigint, name text collate "C") partition by hash (id, name text_pattern_ops);
      create table dealt_0 partition of dealt for values with (modulus 2, remainder 0);
      create unlogged table scratch (id int);
      """;

  private static final String INDEXES =
      """
      create index everything_lower on everything (lower(name));
      create index everything_day on everything (((at at time zone 'UTC')::date));
      create index everything_part on everything (a) where name in ('a', 'b c') and kind = 'N';
      create index everything_sorted on everything (name varchar_pattern_ops, free collate "C" desc nulls last)
        include (a) with (fillfactor = 70);
      create index everything_data on everything using gin (data jsonb_path_ops);
      create index everything_words on everything
        using gin (to_tsvector('simple', coalesce(free, '') || ' ' || name));
      create unique index everything_once on everything (coalesce(kind, 'x'), (data ->> 'a b'));
      create index everything_sum on everything (((a + b) * c), (data -> 'a' -> 'b'), substr(name, 1, 3));
      create index everything_year on everything (extract(year from day));
      create index everything_flag on everything (id) where flag and not "true" is true;
      create index everything_hash on everything using hash (name);
      """;

  private static final String COLLATIONS =
      """
      create collation phonebook (provider = icu, locale = 'de@collation=phonebook');
      create collation tagged (provider = icu, locale = 'de-AT-u-co-phonebk');
      create collation of_variant (provider = icu, locale = 'en_US.UTF-8');
      create collation numeric_order (provider = icu, locale = 'en-u-kn-true');
      create collation no_case (provider = icu, locale = '@colStrength=secondary', deterministic = false);
      create collation bytes (provider = libc, locale = 'C');
      create collation mixed (provider = libc, lc_collate = 'C', lc_ctype = 'POSIX');
      create table sorted (a text collate phonebook, b text collate no_case, c text collate "en-x-icu");
      """;

  /** Names that are compared by an equality of an extension. */
  static final String PEOPLE =
      """
      create extension citext;
      create domain mailbox as citext check (nullif(value, 'x') is not null);
      create function touched() returns trigger language plpgsql as 'begin return new; end';
      create table people (id int, email citext, m mailbox, known varchar(9) default nullif('a'::citext, 'b'),
        alias citext generated always as (nullif(email, 'none')) stored,
        check (email is distinct from 'root'), check (nullif(m, 'x') is not null),
        check (email in ('a', 'b') and email = any ('{a}')));
      create index people_email on people (nullif(email, '')) where email is distinct from 'a';
      create trigger changed before update on people for each row
        when (old.email is distinct from new.email) execute function touched();
      """;

  /** A type that is no text, as PostGIS's geography is none, and is cast without a word. */
  static final String PLACES =
      """
      create type place;
      create function place_in(cstring) returns place language internal immutable strict as 'byteain';
      create function place_out(place) returns cstring language internal immutable strict as 'byteaout';
      create type place (input = place_in, output = place_out, like = bytea);
      create cast (place as bytea) without function as implicit;
      create function place_eq(place, place) returns boolean language internal immutable strict as 'byteaeq';
      create operator = (leftarg = place, rightarg = place, function = place_eq);
      create function moved() returns trigger language plpgsql as 'begin return new; end';
      create table shops (id int, at place);
      create trigger moved before update on shops for each row
        when (old.at is distinct from new.at) execute function moved();
      """;
}
