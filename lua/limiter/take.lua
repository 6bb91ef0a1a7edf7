--- Take tokens of one subject under a single GCRA rule.
--
-- The rule is a leaky bucket, the exact form of GCRA: a token adds `token` units to the level, a microsecond drains
-- `drain` units, and a call passes while the level stays within the capacity. All are whole numbers up to 2^52, so nothing
-- is rounded, except up when the rule was changed. A denial writes nothing. The key expires at least a second after the level
-- has drained, so that most charges of a busy subject only overwrite it (SETRANGE), which costs less than setting an expiry.
--
-- take-all.lua does the same for several rules, and charge.lua for rules of any algorithm. All share one format of the state:
-- entries of id, expiry, token, time of the last charge and level, packed as doubles. The entries of the last call's rules are
-- first and have the key's own expiry. The script replies null, and charge.lua is called, for a state that starts differently
-- or was charged later than now (the server's clock was set back).
-- @batch 64
-- @full refused      it may add a subject: the limiter's policy decides
-- @full runs as take_for_entry  a worker can finish the entry then, which frees memory; the state has a TTL
-- @include now
-- @shared numbers    four doubles: id of the rule's state, units drained in a microsecond, units of a token, capacity
-- @item key state    string of entries
-- @item arg cost = 1   whole tokens wanted, at most the burst
-- @returns integer|string|null   the level after the charge, or minus the level minus one when denied; microseconds and reason of a block

local call, unpacked, packed = redis.call, struct.unpack, struct.pack
-- Packed bytes, because four arguments of text cost both client and server more.
local rule, drain, token, capacity = unpacked('<dddd', numbers)
local ENTRY = 40
local SECOND = 1000000
-- Redis counts a TTL from the millisecond in which the script started.
local MARGIN = 2

local function item(state, cost)
  local saved = redis.pcall('GET', state)
  local level, expires, changed = 0, 0, false
  if saved then
    -- charge.lua refuses data that no limiter wrote. A key of another type gives an error table, whose length is 0.
    if #saved < ENTRY then
      return nil
    end
    local id, charged, counted
    id, expires, counted, charged, level = unpacked('<ddddd', saved)
    if id ~= rule then
      if id == 0 and charged <= now and now < expires then
        return string.format('%.0f ', expires - now) .. string.sub(saved, ENTRY + 1, ENTRY + counted)
      end
      return nil
    end
    if counted ~= token then
      -- The rule was changed: used tokens stay used, up to two bursts. Rounded up, so that no call passes too early.
      changed = true
      level = level / counted
      level = math.min(level % 1 == 0 and level * token or math.ceil(level * token) + 1, 2 * capacity)
    end
    if now >= charged then
      level = level - (now - charged) * drain
      if level < 0 then
        level = 0
      end
    else
      -- The clock was set back, or no limiter wrote this: charge.lua handles it.
      return nil
    end
  end

  local after = level + cost * token
  if after > capacity then
    return -level - 1
  end
  if after == level then
    return level
  end
  local longest = after / drain
  if now + longest <= expires then
    if changed then
      call('SETRANGE', state, 16, packed('<d', token))
    end
    -- The offset is text, because Redis formats numbers with 17 digits, which is slow.
    call('SETRANGE', state, '24', packed('<dd', now, after))
  elseif saved and (#saved > ENTRY or after ~= after) then
    return nil
  else
    local ttl = math.ceil((longest + math.max(longest, SECOND)) / 1000)
    call('SET', state, packed('<ddddd', rule, now + ttl * 1000, token, now, after), 'PX', ttl + MARGIN)
  end
  return after
end
