--- Block a subject for a time, or end its block.
--
-- The block is stored at the start of the subject's state. Used tokens stay used. The key expires when both the block and the
-- used tokens have ended.
-- @batch 64
-- @full refused      a block adds a key, and the number of subjects has no bound
-- @full runs as unblock  it deletes the block
-- @include now
-- @include limiter/leading_block
-- @include limiter/damaged
-- @include limiter/checked_read
-- @item key state       string of entries, as in charge.lua
-- @item arg duration    microseconds; 'forever' for a block without an end; 0 ends a block
-- @item arg reason      text
-- @item arg listing     the id under which a block without an end is listed, see list-block.lua; 0 for another
-- @returns integer      0 if the subject was not blocked before, 1 if it was; of a block without an end the id under which it is listed

local call = redis.call
-- The most entries that charge.lua writes.
local ENTRY, MOST = 40, 32
-- Redis counts a TTL from the millisecond in which the script started.
local MARGIN = 2
-- The end of a block without an end, in the year 2255. The client reports an end so far away as none.
local FOREVER = 9e15

-- The end of the block, if there is one, and the entries after it. Writes nothing.
local function read_block(state)
  local saved = call('GET', state)
  local _, ends, _, length, listing = leading_block(saved)
  if saved and ((#saved - length) % ENTRY ~= 0 or #saved - length > ENTRY * MOST) then
    damaged(state)
  end
  local found = { saved = saved, ends = ends, listing = listing, expires = now }
  found.entries = saved and string.sub(saved, length + 1) or ''
  for at = 1, #found.entries, ENTRY do
    local id, entry = struct.unpack('<dd', found.entries, at)
    if not (id > 0 and entry >= 0 and entry < 2 ^ 62) then
      damaged(state)
    end
    found.expires = math.max(found.expires, entry)
  end
  return found
end

local function type_of()
  return 'string'
end

local function item(state, duration, reason, listing)
  local found, refused = checked_read({ state }, type_of, read_block, state)
  if not found then
    return refused
  end
  local was = found.ends ~= nil and found.ends > now and math.max(1, found.listing) or 0
  local expires, head = found.expires, ''
  if duration ~= '0' then
    local ends = duration == 'forever' and FOREVER or now + duration
    expires = math.max(expires, ends)
    head = struct.pack('<ddddd', 0, ends, #reason, now, tonumber(listing)) .. reason
  end
  if expires > now then
    call('SET', state, head .. found.entries, 'PX', math.ceil((expires - now) / 1000) + MARGIN)
  elseif found.saved then
    call('DEL', state)
  end
  return was
end
