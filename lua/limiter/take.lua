--- Take tokens of one subject from a single GCRA rule.
--
-- The rule is a leaky bucket, the exact form of GCRA: a token adds `window` units to the level, a microsecond drains
-- `limit` units, and a call passes while the level stays within the capacity (burst * window). All of them are whole
-- numbers up to 2^52, so nothing is rounded (but up, when the window is changed). A denial writes nothing. The key
-- lives for at least a second longer than the level takes to drain, so that most charges of a busy subject only
-- overwrite it (SETRANGE), at a third of the cost of setting an expiry.
--
-- take-all.lua does the same for several rules, with the same state.
-- @batch 64
-- @include now
-- @shared limit      tokens that come back in a window
-- @shared window     microseconds
-- @shared capacity   the highest level
-- @item key state    string: time of the last charge, expiry, window, level, packed as doubles
-- @item arg cost     whole tokens wanted, at most the burst
-- @returns integer   the level after the charge; when denied, minus the level minus one

local call, unpacked, packed = redis.call, struct.unpack, struct.pack
limit, window, capacity = tonumber(limit), tonumber(window), tonumber(capacity)
local SIZE = 32
local SECOND = 1000000

local function item(state, cost)
  local saved = call('GET', state)
  local level, expires = 0, 0
  if saved and #saved == SIZE then
    local charged, counted
    charged, expires, counted, level = unpacked('>dddd', saved)
    if counted ~= window then
      -- The window was changed: the tokens in use stay. Rounded up, never in the caller's favour.
      level = math.ceil(level / counted * window)
    end
    if now > charged then
      level = level - (now - charged) * limit
      if level < 0 then
        level = 0
      end
    end
  end

  local after = level + cost * window
  if after > capacity then
    return -level - 1
  end
  if after == level then
    return level
  end
  local longest = after / limit
  if now + longest <= expires then
    call('SETRANGE', state, 0, packed('>dddd', now, expires, window, after))
  else
    local ttl = math.ceil((longest + math.max(longest, SECOND)) / 1000)
    call('SET', state, packed('>dddd', now, now + ttl * 1000, window, after), 'PX', ttl)
  end
  return after
end
