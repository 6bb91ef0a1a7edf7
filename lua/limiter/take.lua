--- Take tokens of one subject from a single GCRA rule.
--
-- The rule is a leaky bucket, the exact form of GCRA: a token adds `token` units to the level, a microsecond drains
-- `drain` units, and a call passes while the level stays within the capacity. All of them are whole numbers up to
-- 2^52, so nothing is rounded (but up, when the rule is changed). A denial writes nothing. The key lives for at least a second longer
-- than the level takes to drain, so that most charges of a busy subject only overwrite it (SETRANGE), which costs less
-- than setting an expiry.
--
-- take-all.lua does the same for several rules, charge.lua for any, with the same state: entries of id, expiry,
-- token, time of the last charge and level, packed as doubles. The entries of the last call's rules come first and have the
-- key's own expiry. A state that begins otherwise, or was charged at a later time than now (the server's clock was stepped back), is left to
-- charge.lua: null.
-- @batch 64
-- @full refused      it may add a subject: the limiter's policy decides
-- @include now
-- @shared numbers    as four doubles: id of the rule's state, units that a microsecond drains, that a token adds, highest level
-- @item key state    string of entries
-- @item arg cost = 1   whole tokens wanted, at most the burst
-- @returns integer|string|null   the level after the charge, or minus the level minus one when denied; microseconds and reason of a block

local call, unpacked, packed = redis.call, struct.unpack, struct.pack
-- Bytes, not text in an argument each: those cost both sides.
local rule, drain, token, capacity = unpacked('<dddd', numbers)
local ENTRY = 40
local SECOND = 1000000
-- Redis counts a TTL from the millisecond in which the script began.
local MARGIN = 2

local function item(state, cost)
  local saved = redis.pcall('GET', state)
  local level, expires, changed = 0, 0, false
  if saved then
    -- What no limiter wrote is for charge.lua to refuse; a table without items is the error of a key of another type.
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
      -- The rule was changed: the tokens in use stay, up to two bursts. Rounded up, never in the caller's favour.
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
      -- A clock that was stepped back, or what no limiter wrote: for charge.lua.
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
    -- The offset as text: Redis prints a number with 17 digits, which takes long.
    call('SETRANGE', state, '24', packed('<dd', now, after))
  elseif saved and (#saved > ENTRY or after ~= after) then
    return nil
  else
    local ttl = math.ceil((longest + math.max(longest, SECOND)) / 1000)
    call('SET', state, packed('<ddddd', rule, now + ttl * 1000, token, now, after), 'PX', ttl + MARGIN)
  end
  return after
end
