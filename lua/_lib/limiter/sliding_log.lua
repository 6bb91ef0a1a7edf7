-- `sliding_log`: all charges of the last window, in a separate string: the sum of tokens charged before its first entry, then
-- for each charge its time and the running sum, packed as doubles. It has at most twice the limit of entries, so the limit
-- bounds the string and the work. Each charge rewrites the string: APPEND would be a microsecond faster, but Redis then keeps
-- twice the memory.
-- @include limiter/damaged
local sliding_log = {}
local HEAD, CHARGE = 8, 16
-- Twice the largest limit.
local MOST_CHARGES = 2000
-- Steps of a binary search over so many charges and the position after them.
local HALVINGS = 11

function sliding_log.define(rule, limit, window)
  -- Redis counts a TTL from the millisecond in which the script started.
  rule.limit, rule.window, rule.ttl = limit, window, math.ceil(window / 1000) + 2
end

local function charge_at(rule, at)
  return struct.unpack('<dd', rule.log, HEAD + CHARGE * (at - 1) + 1)
end

-- The running sum at an entry; at number 0 the sum before the first entry.
local function charged_to(rule, at)
  if at == 0 then
    return rule.base
  end
  local _, sum = charge_at(rule, at)
  return sum
end

-- The first entry from `at` on whose time (which = 1) or sum (2) is at least `least`; the position after the last if none is.
local function first_from(rule, at, which, least)
  local low, high = at, rule.count + 1
  for _ = 1, HALVINGS do
    if low >= high then
      break
    end
    local middle = math.floor((low + high) / 2)
    local found = { charge_at(rule, middle) }
    if found[which] >= least then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end

-- The entries from one to another, with constants added to their times and sums.
local function moved(rule, from, to, time_by, sum_by)
  local charges = {}
  for at = from, to do
    local time, sum = charge_at(rule, at)
    charges[#charges + 1] = struct.pack('<dd', time + time_by, sum + sum_by)
  end
  return table.concat(charges)
end

function sliding_log.open(rule, key)
  rule.key, rule.changed = key, false
  rule.log = redis.call('GET', key)
  rule.base, rule.count, rule.first, rule.used = 0, 0, 1, 0
  if not rule.log then
    return
  end
  rule.count = (#rule.log - HEAD) / CHARGE
  if rule.count % 1 ~= 0 or rule.count < 1 or rule.count > MOST_CHARGES then
    damaged(key)
  end
  rule.base = struct.unpack('<d', rule.log)
  local last = charge_at(rule, rule.count)
  if last > now then
    -- The clock was set back: the last charge counts as made now, and the others keep their distance to it.
    rule.log = struct.pack('<d', rule.base) .. moved(rule, 1, rule.count, now - last, 0)
    rule.changed = true
  end
  rule.first = first_from(rule, 1, 1, now - rule.window + 1)
  rule.used = charged_to(rule, rule.count) - charged_to(rule, rule.first - 1)
  if not (rule.used >= 0 and rule.used < 2 ^ 53) then
    damaged(key)
  end
end

function sliding_log.over(rule, tokens)
  return rule.used + tokens > rule.limit
end

-- Replaces the log by the entries from the first that counts up to `last`, followed by `others` (`count` of them).
local function keep(rule, last, others, count)
  local head = struct.pack('<d', charged_to(rule, rule.first - 1))
  local kept = string.sub(rule.log or '', HEAD + CHARGE * (rule.first - 1) + 1, HEAD + CHARGE * last)
  rule.log = head .. kept .. others
  rule.base, rule.count, rule.first = struct.unpack('<d', head), last - rule.first + 1 + count, 1
  rule.changed = true
end

function sliding_log.add(rule, tokens)
  tokens = math.min(tokens, 2 * rule.limit - rule.used)
  if tokens > 0 then
    keep(rule, rule.count, struct.pack('<dd', now, charged_to(rule, rule.count) + tokens), 1)
    rule.used = rule.used + tokens
  end
end

-- Gives tokens of the latest charges back.
local function give_back_latest(rule, tokens)
  local last, sum = rule.first - 1, charged_to(rule, rule.count)
  local wanted = math.max(sum - tokens, charged_to(rule, rule.first - 1))
  for at = rule.count, rule.first, -1 do
    if not (charged_to(rule, at - 1) >= wanted) then
      last = at
      break
    end
  end
  rule.used = rule.used - (sum - wanted)
  if last < rule.first then
    keep(rule, last, '', 0)
  else
    keep(rule, last - 1, struct.pack('<dd', (charge_at(rule, last)), wanted), 1)
  end
end

-- With `latest` it gives back tokens of the latest charges. Otherwise those of the charges made at `since`; a charge that has
-- left the window, or was given back, is not in the log any more.
function sliding_log.give_back(rule, tokens, since, latest)
  if rule.used == 0 then
    return
  end
  if latest then
    give_back_latest(rule, tokens)
    return
  end
  local from = first_from(rule, rule.first, 1, since)
  local behind = first_from(rule, from, 1, since + 1)
  if behind == from then
    return
  end
  local before, last = charged_to(rule, from - 1), charged_to(rule, behind - 1)
  local back = math.min(tokens, last - before)
  local left = last - back > before and struct.pack('<dd', since, last - back) or ''
  local count = #left / CHARGE + rule.count - behind + 1
  keep(rule, from - 1, left .. moved(rule, behind, rule.count, 0, -back), count)
  rule.used = rule.used - back
end

-- Writes the log if it changed. The key expires after a window.
function sliding_log.save(rule)
  if not rule.changed then
    return
  end
  if rule.count == 0 then
    redis.call('DEL', rule.key)
  else
    redis.call('SET', rule.key, rule.log, 'PX', rule.ttl)
  end
end

-- Tokens used; microseconds until so many more fit, until one more does than now, and until none is used.
function sliding_log.report(rule, reply, tokens)
  local gone = charged_to(rule, rule.first - 1)
  -- The time until `fewer` of the used tokens have come back.
  local function ends(fewer)
    local at = first_from(rule, rule.first, 2, gone + fewer)
    local time = at <= rule.count and charge_at(rule, at) or now
    return fewer > 0 and time + rule.window - now or 0
  end
  reply[#reply + 1] = rule.used
  reply[#reply + 1] = ends(rule.used + tokens - rule.limit)
  reply[#reply + 1] = rule.used > 0 and ends(math.max(1, rule.used - rule.limit + 1)) or 0
  reply[#reply + 1] = ends(rule.used)
end
