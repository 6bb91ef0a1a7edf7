--- Take tokens of one subject from every rule, or from none.
--
-- Each rule is a leaky bucket as in take.lua, and the state is the same: the time of the last charge, the time at
-- which the key expires, and for each rule the window that its level was counted in and the level. A denial writes
-- nothing.
-- @batch 64
-- @include now
-- @shared rules      "limit window burst" of each rule, window in microseconds, separated by spaces
-- @item key state    string: time, expiry, then window and level of each rule, packed as doubles
-- @item arg cost     whole tokens wanted, at most the smallest burst
-- @returns integers          each rule's level after the charge; when denied, minus the level minus one

local call, unpacked, packed, max, ceil = redis.call, struct.unpack, struct.pack, math.max, math.ceil
local limits, windows, capacities, count = {}, {}, {}, 0
for limit, window, burst in string.gmatch(rules, '(%d+) (%d+) (%d+)') do
  count = count + 1
  limits[count] = tonumber(limit)
  windows[count] = tonumber(window)
  capacities[count] = burst * window
end
local size = 16 + 16 * count
local SECOND = 1000000
-- Scratch, so that an item makes no tables.
local levels = {}

local function item(state, cost)
  local tokens = tonumber(cost)
  local saved = call('GET', state)
  local elapsed, expires = 0, 0
  if saved and #saved == size then
    local charged
    charged, expires = unpacked('>dd', saved)
    elapsed = max(0, now - charged)
  else
    saved = nil
  end

  local allowed = true
  for rule = 1, count do
    local level = 0
    if saved then
      local window, before = unpacked('>dd', saved, 16 * rule + 1)
      if window ~= windows[rule] then
        -- The window was changed: the tokens in use stay. Rounded up, never in the caller's favour.
        before = ceil(before / window * windows[rule])
      end
      level = max(0, before - elapsed * limits[rule])
    end
    levels[rule] = level
    if level + tokens * windows[rule] > capacities[rule] then
      allowed = false
    end
  end

  if allowed and tokens > 0 then
    local after, longest = '', 0
    for rule = 1, count do
      local level = levels[rule] + tokens * windows[rule]
      levels[rule] = level
      after = after .. packed('>dd', windows[rule], level)
      longest = max(longest, level / limits[rule])
    end
    if saved and now + longest <= expires then
      call('SETRANGE', state, 0, packed('>dd', now, expires) .. after)
    else
      local ttl = ceil((longest + max(longest, SECOND)) / 1000)
      call('SET', state, packed('>dd', now, now + ttl * 1000) .. after, 'PX', ttl)
    end
  end

  local reply = {}
  for rule = 1, count do
    reply[rule] = allowed and levels[rule] or -levels[rule] - 1
  end
  return reply
end
