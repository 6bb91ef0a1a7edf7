--- Note ids as seen; say which are new.
--
-- Invariant: of all calls with an id within the window one is told that it is new, while the set is below its bound; above it the oldest
-- ids are forgotten first. A process that dies after the call has noted ids that it will not handle: claim an id beside the effect
-- (one script), or run what must not be lost by `once`.
-- @batch 128
-- @full refused      it adds ids
-- @include guard/seeing
-- @shared keys keys  sorted set: id by the millisecond at which it was seen
-- @shared window     milliseconds
-- @shared most       ids
-- @item arg ids      a line for each id
-- @returns string|integer one id: 1 for a new one, else 0; several: "1" or "0" for each

local of = seeing.open(keys[1], window, most)

local function see(id)
  local new = seeing.prepare(of, id)
  if new == true then
    seeing.apply(of, id)
  end
  return new
end

local function item(ids)
  if not string.find(ids, '\n', 1, true) then
    local new = seeing.see(of, ids)
    if type(new) == 'number' then
      seeing.trim(of)
    end
    return new
  end
  local all = {}
  for id in string.gmatch(ids, '[^\n]+') do
    local new = see(id)
    if type(new) == 'table' then
      return new
    end
    all[#all + 1] = new and '1' or '0'
  end
  seeing.trim(of)
  return table.concat(all)
end
