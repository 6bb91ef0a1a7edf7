-- `calendar`: tokens used in a calendar period. The client computes its bounds, and sends two consecutive periods. Only
-- tokens that were charged in the current period are given back.
local calendar = {}

-- Returns whether Redis' time is in neither of the periods.
function calendar.define(rule, limit, start, turn, finish)
  rule.limit = limit
  rule.start, rule.finish = start, turn
  if now >= turn then
    rule.start, rule.finish = turn, finish
  end
  return now < rule.start or now >= rule.finish
end

function calendar.load(rule, time, _, used)
  -- A start later than this period's was written before the clock was set back: used tokens stay used.
  rule.used = time and time >= rule.start and used or 0
end

function calendar.over(rule, tokens)
  return rule.used + tokens > rule.limit
end

function calendar.add(rule, tokens)
  rule.used = math.min(rule.used + tokens, 2 * rule.limit)
end

function calendar.give_back(rule, tokens, since)
  if since >= rule.start then
    rule.used = math.max(0, rule.used - tokens)
  end
end

function calendar.entry(rule)
  return rule.start, rule.finish, rule.used, rule.finish - now
end

function calendar.report(rule, reply)
  reply[#reply + 1] = rule.used
  reply[#reply + 1] = rule.finish - now
end
