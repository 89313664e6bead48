package dev.whimbrel.postgres;

import static org.assertj.core.api.Assertions.assertThat;

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
          integer default (1)                                                                            ¦ integer default 1
          """)
  void knowsWhatADumpAndARestoreChange(String one, String other) {
    assertThat(Definition.normal(one)).isEqualTo(Definition.normal(other));
  }
}
