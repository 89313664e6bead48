package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DefinitionTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '~',
      quoteCharacter = '§',
      textBlock =
          """
          text default 'a b'::text                            ~ text default 'ab'::text
          text default 'a(b)'::text                           ~ text default 'ab'::text
          text default 'a::text'::text                        ~ text default 'a'::text
          text default 'it''s ''x'''::text                    ~ text default 'it''s x'::text
          text default E'a\\\\'' b'::text                     ~ text default E'a\\\\''b'::text
          text default E'a\\' ( b'::text                      ~ text default E'a\\'(b'::text
          text default '"a"'::text                            ~ text default 'a'::text
          text default $x$a b$x$                              ~ text default $x$ab$x$
          'in transit', 'lost'                                ~ 'intransit', 'lost'
          integer default 1                                   ~ integer default 11
          integer default 1 not null                          ~ integer default 1
          CHECK ((((a + b) * c) > 0))                         ~ CHECK (((a + (b * c)) > 0))
          CHECK ((((a + b) * c) > 0))                         ~ CHECK (((a + b * c) > 0))
          CHECK ((a AND (b OR c)))                            ~ CHECK (((a AND b) OR c))
          CHECK (((a AND b) OR c))                            ~ CHECK ((a AND b OR c))
          CHECK ((a AND (NOT b) AND c))                       ~ CHECK ((a AND (NOT (b AND c))))
          CHECK ((NOT (a AND b)))                             ~ CHECK (((NOT a) AND b))
          CHECK ((((a)::numeric / 2) > 1))                    ~ CHECK ((((a)::integer / 2) > 1))
          CHECK ((((a)::numeric / 2) > 1))                    ~ CHECK (((a / 2) > 1))
          CHECK (((a + b))::text = 'x'::text)                 ~ CHECK ((a + (b)::text) = 'x'::text)
          CHECK (((a)::character varying(3))::text = 'x')     ~ CHECK ((a)::text = 'x')
          CHECK (((a)::numeric(4,1) > 1))                     ~ CHECK (((a)::numeric(4,2) > 1))
          CHECK ((a = ANY (ARRAY[(1)::bigint])))              ~ CHECK ((a = ANY (ARRAY[1])))
          CHECK (((a).b > 0))                                 ~ CHECK ((a.b > 0))
          CHECK (((a)::bpchar = (b)::bpchar))                 ~ CHECK (((a)::text = (b)::text))
          CHECK ((f((a, b)) > 0))                             ~ CHECK ((f(a, b) > 0))
          CREATE INDEX i ON t USING btree (((at)::date))      ~ CREATE INDEX i ON t USING btree (at)
          CREATE INDEX i ON t USING btree ((a - b))           ~ CREATE INDEX i ON t USING btree (a, b)
          CREATE INDEX i ON t USING btree (f(a, b))           ~ CREATE INDEX i ON t USING btree (f, a, b)
          CREATE INDEX i ON t USING btree ("A b")             ~ CREATE INDEX i ON t USING btree ("Ab")
          CREATE INDEX i ON t USING btree (a) WHERE ("true")  ~ CREATE INDEX i ON t USING btree (a) WHERE (true)
          CREATE INDEX i ON t USING btree ("a(b)")            ~ CREATE INDEX i ON t USING btree ("ab")
          a ) b                                               ~ a )
          text[] default ARRAY[]::text[]                      ~ text[] default ARRAY[]
          """)
  void tellsMeaningsApart(String one, String other) {
    assertThat(Definition.same(one, other)).isFalse();
    assertThat(Definition.same(other, one)).isFalse();
    assertThat(Definition.same(one, one + " ")).isEqualTo(!one.startsWith("a )"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '¦',
      quoteCharacter = '§',
      textBlock =
          """
          CHECK (((x)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[])))    ¦ CHECK (((x)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text])))
          CHECK ((((VALUE)::text ~~ ANY ((ARRAY['a%'::character varying])::text[])) OR (x IS NULL)))     ¦ CHECK ((((VALUE)::text ~~ ANY (ARRAY[('a%'::character varying)::text])) OR (x IS NULL)))
          CHECK ((x = ANY ((ARRAY[1, 2])::bigint[])))                                                    ¦ CHECK ((x = ANY (ARRAY[(1)::bigint, (2)::bigint])))
          CHECK ((x = ANY ((ARRAY[(a + 1), f(b, c)])::bigint[])))                                        ¦ CHECK ((x = ANY (ARRAY[((a + 1))::bigint, (f(b, c))::bigint])))
          text[] default (ARRAY[ARRAY['a'::character varying], ARRAY['b'::character varying]])::text[]   ¦ text[] default ARRAY[ARRAY[('a'::character varying)::text], ARRAY[('b'::character varying)::text]]
          CHECK (((x)::timestamp(3) without time zone > '2020-01-01'::date))                             ¦ CHECK ((x::timestamp(3)  without time zone > ('2020-01-01'::date)))
          CHECK ((x > '1 day'::interval day to second(3)))                                               ¦ CHECK (((x > ('1 day'::interval day to second(3)))))
          CASE WHEN (a > 0) THEN (1)::bigint ELSE b END                                                  ¦ CASE\tWHEN (a > 0) THEN 1::bigint ELSE (b) END
          CREATE INDEX i ON t USING btree ("json", lower(("value")::text)) WHERE ("at" > 1)              ¦ CREATE INDEX i ON t USING btree (json, lower((value)::text)) WHERE ((at > 1))
          CHECK ((a OR ((b >= 1) AND (b <= 2)) OR (((b >= 3) AND (b <= 4)) AND c)))                      ¦ CHECK (((a OR ((b >= 1) AND (b <= 2))) OR ((b >= 3) AND (b <= 4) AND c)))
          ((a + b))                                                                                      ¦ (a + b)
          CHECK ((many(VARIADIC (ARRAY[n, 'b'::character varying])::text[]) > 0))                        ¦ CHECK ((many(VARIADIC ARRAY[(n)::text, ('b'::character varying)::text]) > 0))
          CHECK ((XMLSERIALIZE(CONTENT x AS text) <> ''::text))                                          ¦ CHECK ((XMLSERIALIZE(CONTENT x AS text NO INDENT) <> ''::text))
          integer default (1)                                                                            ¦ integer default 1
          """)
  void knowsWhatADumpAndARestoreChange(String one, String other) {
    assertThat(Definition.normal(one)).isEqualTo(Definition.normal(other));
  }

  /** As PostgreSQL 13 says them, and 18 after a dump and a restore. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '¦',
      quoteCharacter = '§',
      textBlock =
          """
          WHEN ((old.email IS DISTINCT FROM new.email)) EXECUTE                 ¦ WHEN (((old.email)::text IS DISTINCT FROM (new.email)::text)) EXECUTE
          CHECK ((NULLIF((m)::public.citext, 'x'::public.citext) IS NOT NULL))  ¦ CHECK ((NULLIF(((m)::public.citext)::text, ('x'::public.citext)::text) IS NOT NULL))
          btree (NULLIF(email, ''::public.citext))                              ¦ btree (NULLIF((email)::text, (''::public.citext)::text))
          (email IS DISTINCT FROM (a || b))                                     ¦ ((email)::text IS DISTINCT FROM ((a || b))::character varying(3))
          NULLIF(all_of, ARRAY[]::public.citext[])                              ¦ NULLIF((all_of)::text[], (ARRAY[]::public.citext[])::text[])
          """)
  void knowsWhatDiffersByCastsToTextsAlone(String one, String other) {
    Set<String> types = Set.of("public.citext");
    assertThat(Definition.same(one, other)).isFalse();
    assertThat(Definition.sameButForCasts(one, other, types)).isTrue();
    assertThat(Definition.sameButForCasts(one, other.replace("::text", "::bytea"), types))
        .isEqualTo(!other.contains("::text"));
    assertThat(Definition.sameButForCasts(one, other.replace("email", "mail"), types))
        .isEqualTo(!other.contains("email"));
  }

  @Test
  @Timeout(20)
  void readsLongListsAndNoEndlessNesting() {
    String values = ", 'x'::character varying".repeat(50_000);
    String elements = ", ('x'::character varying)::text".repeat(50_000);
    String deep = "(".repeat(100_000) + "a" + " + 1)".repeat(100_000);

    assertThat(
            Definition.same(
                "(n = ANY ((ARRAY['x'::character varying" + values + "])::text[]))",
                "(n = ANY (ARRAY[('x'::character varying)::text" + elements + "]))"))
        .isTrue();
    assertThat(Definition.same(deep, deep + " ")).isFalse();
    assertThat(Definition.sameButForCasts(deep, deep + " ", Set.of())).isFalse();
  }
}
