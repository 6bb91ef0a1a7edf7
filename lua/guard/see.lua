--- Note ids as seen; say which are new.
--
-- Invariant: of all calls with an id within the window one is told that it is new, while the set is below its bound; above it the oldest
-- ids are forgotten first. A process that dies after the call has noted ids that it will not handle: claim an id beside the effect
-- (one script), or run what must not be lost by `once`.
-- @batch 128
-- @full refused      it adds ids
-- @include guard/seeing
-- @shared window     milliseconds
-- @shared most       ids
-- @item key seen     sorted set: id by the millisecond at which it was seen
-- @item arg ids      a line for each id
-- @returns string|integer one id: 1 for a new one, else 0; several: "1" or "0" for each

local sets = {}
-- Of single ids, whose calls are for any of the sets, one set of a call is cleaned up: each call adds less than that takes away.
local cleaned = false

local function set_of(seen)
  local of = sets[seen]
  if not of then
    of = seeing.open(seen, window, most)
    sets[seen] = of
  end
  return of
end

local function item(seen, ids)
  local of = set_of(seen)
  if not string.find(ids, '\n', 1, true) then
    local new = seeing.see(of, ids)
    if new == 1 and not cleaned then
      cleaned = true
      seeing.trim(of)
    end
    return new
  end
  local all = {}
  for id in string.gmatch(ids, '[^\n]+') do
    local new = seeing.prepare(of, id)
    if type(new) == 'table' then
      return new
    end
    if new then
      seeing.apply(of, id)
    end
    all[#all + 1] = new and '1' or '0'
  end
  seeing.trim(of)
  return table.concat(all)
end
