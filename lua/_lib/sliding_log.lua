-- `sliding_log`: every charge of the last window, in a string of its own: the tokens charged before its first entry, then
-- for each charge its time and the tokens charged up to it, packed as doubles. At most twice the limit of entries: the
-- limit bounds the string and the work. It is written anew with each charge: APPEND would be faster by a microsecond, and
-- leave the string twice as long as it is.
local sliding_log = {}
local HEAD, CHARGE = 8, 16

function sliding_log.define(rule, limit, window)
  -- Redis counts a TTL from the millisecond in which the script began.
  rule.limit, rule.window, rule.ttl = limit, window, math.ceil(window / 1000) + 2
end

local function charge_at(rule, at)
  return struct.unpack('<dd', rule.log, HEAD + CHARGE * (at - 1) + 1)
end

-- Tokens charged up to an entry; up to number 0 those before the first.
local function charged_to(rule, at)
  if at == 0 then
    return rule.base
  end
  local _, sum = charge_at(rule, at)
  return sum
end

-- The first entry from `at` on whose time (1) or sum (2) is at least so much; behind the last when there is none.
local function first_from(rule, at, which, least)
  local low, high = at, rule.count + 1
  while low < high do
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

-- A clock stepped back: the last charge was made now, the others as long before it as they were.
local function step_back(rule, by)
  local charges = {}
  for at = 1, rule.count do
    local time, sum = charge_at(rule, at)
    charges[at] = struct.pack('<dd', time - by, sum)
  end
  rule.log = struct.pack('<d', rule.base) .. table.concat(charges)
  redis.call('SET', rule.key, rule.log, 'PX', rule.ttl)
end

function sliding_log.open(rule, key)
  rule.key, rule.added = key, nil
  rule.log = redis.call('GET', key)
  rule.base, rule.count, rule.first, rule.used = 0, 0, 1, 0
  if not rule.log then
    return
  end
  rule.base = struct.unpack('<d', rule.log)
  rule.count = (#rule.log - HEAD) / CHARGE
  local last = charge_at(rule, rule.count)
  if last > now then
    step_back(rule, last - now)
  end
  rule.first = first_from(rule, 1, 1, now - rule.window + 1)
  rule.used = charged_to(rule, rule.count) - charged_to(rule, rule.first - 1)
end

function sliding_log.over(rule, tokens)
  return rule.used + tokens > rule.limit
end

-- Writes the entries that count: those from the first one on, up to a last one, and another. The key lives for a window.
local function rewrite(rule, last, charge)
  local head = struct.pack('<d', charged_to(rule, rule.first - 1))
  local kept = string.sub(rule.log or '', HEAD + CHARGE * (rule.first - 1) + 1, HEAD + CHARGE * last)
  redis.call('SET', rule.key, head .. kept .. charge, 'PX', rule.ttl)
end

local function give_back(rule, tokens)
  local last, sum = rule.count, charged_to(rule, rule.count)
  local wanted = math.max(sum - tokens, charged_to(rule, rule.first - 1))
  while last >= rule.first and charged_to(rule, last - 1) >= wanted do
    last = last - 1
  end
  if last < rule.first then
    redis.call('DEL', rule.key)
  else
    rewrite(rule, last - 1, struct.pack('<dd', (charge_at(rule, last)), wanted))
  end
  rule.count, rule.used = last, rule.used - (sum - wanted)
end

function sliding_log.write(rule, tokens)
  if tokens < 0 then
    if rule.used > 0 then
      give_back(rule, -tokens)
    end
    return
  end
  tokens = math.min(tokens, 2 * rule.limit - rule.used)
  if tokens <= 0 then
    return
  end
  rewrite(rule, rule.count, struct.pack('<dd', now, charged_to(rule, rule.count) + tokens))
  rule.used = rule.used + tokens
  rule.added = now
end

-- Tokens used; microseconds until so many more fit, until one more does than now, and until none is used.
function sliding_log.tell(rule, reply, tokens)
  local gone = charged_to(rule, rule.first - 1)
  -- Until so many of the tokens in use are so no more. What was just charged is behind the entries that were read.
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
