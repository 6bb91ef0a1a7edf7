--- Take tokens of one subject under several GCRA rules: all of them, or none.
--
-- Each rule is a leaky bucket as in take.lua, and the state has the same format, with an entry for each rule. A denial writes
-- nothing. The script replies null, and charge.lua is called, for a state of other rules or of a later time than now.
-- @batch 64
-- @full refused      it may add a subject: the limiter's policy decides
-- @include now
-- @shared rules      "id drain token capacity" of each rule, separated by spaces
-- @item key state    string: id, expiry, token, time and level of each rule, packed as doubles
-- @item arg cost     whole tokens wanted, at most the smallest burst
-- @returns integers|string|null     each rule's level after the charge, or minus the level minus one when denied; microseconds and reason of a block

local call, unpacked, packed = redis.call, struct.unpack, struct.pack
local min, max, ceil = math.min, math.max, math.ceil
local ids, drains, tokens, capacities, count = {}, {}, {}, {}, 0
for id, drain, token, capacity in string.gmatch(rules, '(%d+) (%d+) (%d+) (%d+)') do
  count = count + 1
  ids[count] = tonumber(id)
  drains[count] = tonumber(drain)
  tokens[count] = tonumber(token)
  capacities[count] = tonumber(capacity)
end
local ENTRY = 40
local SECOND = 1000000
-- Redis counts a TTL from the millisecond in which the script started.
local MARGIN = 2
-- Reused by all items, so that an item creates no table.
local levels = {}

local function item(state, cost)
  local saved = redis.pcall('GET', state)
  local expires = 0
  local allowed = true
  for rule = 1, count do
    local token, level = tokens[rule], 0
    if saved then
      -- charge.lua refuses data that no limiter wrote. A key of another type gives an error table, whose length is 0.
      if #saved < ENTRY * rule then
        return nil
      end
      local id, charged, counted
      id, expires, counted, charged, level = unpacked('<ddddd', saved, ENTRY * (rule - 1) + 1)
      if id ~= ids[rule] then
        if id == 0 and charged <= now and now < expires then
          return string.format('%.0f ', expires - now) .. string.sub(saved, ENTRY + 1, ENTRY + counted)
        end
        return nil
      end
      if counted ~= token then
        -- The rule was changed: used tokens stay used, up to two bursts. Rounded up, so that no call passes too early.
        level = level / counted
        level = min(level % 1 == 0 and level * token or ceil(level * token) + 1, 2 * capacities[rule])
      end
      if not (now >= charged) then
        -- The clock was set back, or no limiter wrote this: charge.lua handles it.
        return nil
      end
      level = max(0, level - (now - charged) * drains[rule])
    end
    levels[rule] = level
    if level + cost * token > capacities[rule] then
      allowed = false
    end
  end

  if allowed and cost ~= '0' then
    local longest = 0
    for rule = 1, count do
      levels[rule] = levels[rule] + cost * tokens[rule]
      longest = max(longest, levels[rule] / drains[rule])
    end
    local fits = now + longest <= expires
    local ttl = ceil((longest + max(longest, SECOND)) / 1000)
    if not fits then
      if saved and #saved > ENTRY * count then
        return nil
      end
      expires = now + ttl * 1000
    end
    local after = ''
    for rule = 1, count do
      after = after .. packed('<ddddd', ids[rule], expires, tokens[rule], now, levels[rule])
    end
    if fits then
      call('SETRANGE', state, '0', after)
    else
      call('SET', state, after, 'PX', ttl + MARGIN)
    end
  end

  local reply = {}
  for rule = 1, count do
    reply[rule] = allowed and levels[rule] or -levels[rule] - 1
  end
  return reply
end
