-- The core pack by hand: evidence is joined once to the people who count, every rung is judged from the same ages.

CREATE TABLE buyer AS
SELECT deal, person, bool_or(role = 'authority') AS authority, bool_or(role = 'champion') AS champion
FROM link WHERE now AND counts AND role <> 'partner' GROUP BY ALL;

CREATE TABLE act AS
WITH only_deal AS (
    SELECT person, any_value(deal) AS deal FROM link WHERE now GROUP BY person HAVING count(DISTINCT deal) = 1
), linked AS (
    SELECT p.event, o.deal, p.person FROM present p JOIN on_deal o USING (event)
    UNION ALL
    SELECT p.event, l.deal, p.person
    FROM event e JOIN present p ON p.event = e.n JOIN only_deal l USING (person) JOIN deal d ON d.n = l.deal
    WHERE e.deals = '[]' AND e.day >= d.created_day
)
SELECT l.deal, l.person, b.authority, b.champion, e.n AS event, e."at", today() - e.day AS age, e.quoted, e.quoted_in,
    e.kind = 'meeting_held' AS meeting, s.strength, contains(e.topics, '"pricing"') AS pricing,
    regexp_matches(e.topics, '"(demo|evaluation|pilot)"') AS demo
FROM linked l JOIN buyer b USING (deal, person) JOIN event e ON e.n = l.event JOIN strength s USING (kind)
WHERE e.happened AND s.strength > 0;

CREATE TABLE heard AS
WITH freshest AS (
    SELECT deal, person, any_value(authority) AS authority, any_value(champion) AS champion,
        min(age) FILTER (strength = 3) AS spoke, min(age) FILTER (pricing) AS priced,
        min(age) FILTER (meeting AND demo) AS shown
    FROM act GROUP BY deal, person
)
SELECT deal, min(spoke) AS spoke, min(priced) AS priced, min(shown) AS shown, count(*) FILTER (spoke <= 60) AS people,
    min(spoke) FILTER (authority) AS decider_spoke, min(spoke) FILTER (champion) AS champion_spoke
FROM freshest GROUP BY deal;

CREATE TABLE price_seen AS  -- the freshest price an authority saw that the amount has not outgrown by more than a tenth
WITH amounts AS (
    SELECT deal, "at", new::DECIMAL(18, 2) AS new FROM change WHERE field = 'amount'
), earliest AS (
    SELECT deal, first(old ORDER BY "at")::DECIMAL(18, 2) AS old FROM change WHERE field = 'amount' GROUP BY deal
), shown AS (
    SELECT a.deal, a.age, a.quoted, q.rate AS quoted_rate, d.amount, d.amount_rate,
        CASE WHEN a.quoted IS NOT NULL THEN a.quoted WHEN c.deal IS NOT NULL THEN c.new
             WHEN f.deal IS NOT NULL THEN f.old ELSE d.amount END AS seen
    FROM act a
    JOIN deal d ON d.n = a.deal
    LEFT JOIN rate q ON q.currency = a.quoted_in
    ASOF LEFT JOIN amounts c ON c.deal = a.deal AND c."at" <= a."at"
    LEFT JOIN earliest f ON f.deal = a.deal
    WHERE a.authority AND a.pricing AND a.strength >= 2
)
SELECT deal, min(age) AS age FROM shown
WHERE amount IS NULL
   OR (seen > 0 AND amount * amount_rate <= seen * CASE WHEN quoted IS NULL THEN amount_rate ELSE quoted_rate END * 1.1)
GROUP BY deal;

CREATE TABLE pushed AS
WITH opened AS (
    SELECT c.deal, max(c."at") AS "at" FROM change c JOIN closed_stage o ON o.stage = c.old
    WHERE c.field = 'stage' AND c.new NOT IN (SELECT stage FROM closed_stage) GROUP BY c.deal
), daily AS (
    SELECT c.deal, c.day, first(c.old ORDER BY c."at") AS old, last(c.new ORDER BY c."at") AS new
    FROM change c JOIN deal d ON d.n = c.deal LEFT JOIN opened o USING (deal)
    WHERE c.field = 'close_date' AND c."at" >= coalesce(o."at", d.created) GROUP BY c.deal, c.day
)
SELECT deal, count(*) AS n FROM daily WHERE new::DATE - old::DATE >= 7 GROUP BY deal;

CREATE TABLE seen AS
WITH authority AS (
    SELECT deal FROM buyer WHERE authority GROUP BY deal
), asked AS (
    SELECT deal,
        min(age) FILTER (regexp_matches(topics, '"(all|price_vs_budget|budget)"')) AS price,
        min(age) FILTER (regexp_matches(topics, '"(all|final_decision_maker|authority)"')) AS decider,
        min(age) FILTER (regexp_matches(topics, '"(all|purchase_date|timing)"')) AS date
    FROM recheck GROUP BY deal
), entered AS (
    SELECT c.deal, max(c.day) AS day FROM change c JOIN deal d ON d.n = c.deal
    WHERE c.field = 'stage' AND c.new = d.stage GROUP BY c.deal
)
SELECT d.*, coalesce(s.acts, false) AS acts_seen, coalesce(s.meetings, false) AS meetings_seen,
    today() - coalesce(e.day, d.created_day) AS in_stage, coalesce(p.n, 0) AS pushes,
    greatest(coalesce(q.price, 9999), coalesce(q.decider, 9999), coalesce(q.date, 9999)) AS asked,
    a.deal IS NOT NULL AS authority, coalesce(h.spoke, 9999) AS spoke, coalesce(h.priced, 9999) AS priced,
    coalesce(h.shown, 9999) AS shown, coalesce(h.people, 0) AS people, coalesce(h.decider_spoke, 9999) AS decider_spoke,
    coalesce(h.champion_spoke, 9999) AS champion_spoke, coalesce(v.age, 9999) AS price_seen
FROM deal d
LEFT JOIN source s USING (owner)
LEFT JOIN entered e ON e.deal = d.n
LEFT JOIN pushed p ON p.deal = d.n
LEFT JOIN asked q ON q.deal = d.n
LEFT JOIN authority a ON a.deal = d.n
LEFT JOIN heard h ON h.deal = d.n
LEFT JOIN price_seen v ON v.deal = d.n;

CREATE TABLE judged AS  -- true, false or null (unknown); not applicable counts as true
SELECT s.id, s.rung AS claimed, l.rung,
    company AS "CQ-ORG-COMPANY",
    l.rung < 2 OR coalesce(fit_tier IN ('A', 'B'), false) OR coalesce(fit_score >= 60, false) AS "CQ-ORG-FIT",
    l.rung < 3 OR coalesce(today() - fit_assessed BETWEEN 0 AND 180, false) AS "CQ-ORG-FIT-FRESH",
    l.rung < 2 OR need AS "CQ-OPP-NEED",
    l.rung < 3 OR coalesce(close_day - today() BETWEEN 0 AND 365, false) AS "CQ-OPP-DATE",
    l.rung < 3 OR pushes <= 2 AS "CQ-OPP-PUSH",
    l.rung < 3 OR s.asked <= l.asked AS "CQ-OPP-BASICS",
    l.rung < 4 OR confirmed OR shown <= 180 OR if(meetings_seen, false, NULL) AS "CQ-OPP-SOLUTION",
    l.rung < 4 OR priced <= 120 AS "CQ-OPP-PRICED",
    l.rung < 4 OR coalesce(amount > 0 AND budget > 0 AND amount * amount_rate <= budget * budget_rate * 1.1, false)
        AS "CQ-OPP-BUDGET",
    spoke <= 90 OR if(acts_seen, false, NULL) AS "CQ-STK-CONTACT",
    l.rung < 3 OR authority AS "CQ-STK-AUTH",
    l.rung <> 3 OR decider_spoke <= 90 OR if(acts_seen, false, NULL)
        OR (authority AND (champion_spoke <= 45 OR if(acts_seen, false, NULL))) AS "CQ-STK-PATH",
    l.rung < 4 OR decider_spoke <= l.engaged OR if(acts_seen, false, NULL) AS "CQ-STK-ENGAGED",
    l.rung < 5 OR price_seen <= 90 AS "CQ-STK-PRICE",
    l.rung < 4 OR people >= 2 OR if(acts_seen, false, NULL) AS "CQ-STK-THREADS",
    l.rung < 5 OR NOT coalesce(amount * amount_rate >= 100000, false) OR people >= 3 OR if(acts_seen, false, NULL)
        AS "CQ-STK-THREADS-L",
    l.rung < 2 OR spoke <= l.silent OR if(acts_seen, false, NULL) AS "CQ-MOM-SILENT",
    s.in_stage <= l.in_stage AS "CQ-MOM-AGE"
FROM seen s CROSS JOIN limits l;

CREATE TABLE supported AS
WITH gates AS (
    SELECT id, rung, "CQ-ORG-COMPANY" AND "CQ-ORG-FIT" AND "CQ-OPP-NEED" AND "CQ-OPP-DATE" AND "CQ-OPP-BASICS"
        AND "CQ-OPP-SOLUTION" AND "CQ-OPP-PRICED" AND "CQ-OPP-BUDGET" AND "CQ-STK-CONTACT" AND "CQ-STK-AUTH"
        AND "CQ-STK-PATH" AND "CQ-STK-ENGAGED" AND "CQ-STK-PRICE" AS holds
    FROM judged
)
SELECT id, coalesce(min(rung) FILTER (holds IS NOT true), 6) - 1 AS supported_min,
    coalesce(min(rung) FILTER (holds IS false), 6) - 1 AS supported_max
FROM gates GROUP BY id;
