--- Delete a key of a subject, and reply what was in it.
--
-- A key that is damaged, or of another type, is deleted all the same.
-- @batch 64
-- @full runs         it deletes a key
-- @include limiter/leading_block
-- @include now
-- @item key place     a state, a log or slots
-- @item arg kind      'state', 'log' or 'slots'
-- @returns list|null  null if it was not there; else microseconds until its block ends, else 0; the id under which a block without an
--                     end is listed, else 0; the leases that had not expired; the block's reason; and the ids of the rules in it, in one text

-- The most entries of a state, and their length.
local MOST, ENTRY = 34, 40

local function ids_of(saved, from)
  local ids = {}
  for at = 1, math.min(MOST, math.floor((#saved - from) / ENTRY)) do
    ids[at] = string.format('%.0f', (struct.unpack('<d', saved, from + ENTRY * (at - 1) + 1)))
  end
  return table.concat(ids, ' ')
end

-- Leases expire sooner when the clock was set back, see lua/_lib/limiter/slots.lua. An error counts as none.
local function leases_in(place)
  local charged = redis.pcall('ZSCORE', place, '')
  local by = type(charged) == 'string' and math.max(0, -charged - now) or 0
  local leases = redis.pcall('ZCOUNT', place, string.format('(%.0f', now + by), '+inf')
  return type(leases) == 'number' and leases or 0
end

local function item(place, kind)
  local found = { 0, 0, 0, '', '' }
  if kind == 'state' then
    local saved = redis.pcall('GET', place)
    if type(saved) == 'string' then
      local time, ends, reason, from, listing = leading_block(saved)
      local left = time and ends - math.max(now, time) or 0
      if left > 0 then
        found[1], found[2], found[4] = left, listing, reason
      end
      found[5] = ids_of(saved, from)
    end
  elseif kind == 'slots' then
    found[3] = leases_in(place)
  end
  if redis.call('UNLINK', place) == 0 then
    return nil
  end
  return found
end
