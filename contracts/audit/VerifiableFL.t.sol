// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {VerifiableFL} from "../src/VerifiableFL.sol";
import {Audit} from "./Audit.sol";

contract VerifiableFLAudit is Audit {
    /// @dev Four hospitals, two of whom train in a round, on a model of two weights and a bias.
    function setUp() external {
        int32[] memory model = new int32[](3);
        it = address(new VerifiableFL(_gather(4), new address[](0), model, 2, 2, 3, _key()));
    }

    function _acts() internal pure override returns (uint256) {
        return 3;
    }

    function _act(address who, uint256 kind, uint256 chance) internal pure override returns (bytes memory, uint256) {
        uint256[] memory commitments = new uint256[](2);
        (commitments[0], commitments[1]) = (_drawn(who, chance, 1e18), chance);
        int32[] memory model = new int32[](3);
        for (uint256 i = 0; i < 3; i++) model[i] = int32(uint32(_drawn(who, chance ^ i, 2 ** 32)));
        if (kind == 0) return (abi.encodeCall(VerifiableFL.enrol, (commitments)), 0);
        if (kind == 1) return (abi.encodeCall(VerifiableFL.update, (model, _proof())), 0);
        return (abi.encodeCall(VerifiableFL.sign, (who, bytes32(chance))), 0);
    }

    function _stand() internal view override returns (uint256) {
        return VerifiableFL(it).round();
    }

    /// @dev While nobody has come.
    function _resting() internal view override returns (bool) {
        return VerifiableFL(it).places().length == 0;
    }

    /// @dev A key under which the proof below holds for any eight public numbers: their points are the neutral one.
    function _key() private pure returns (uint256[] memory found) {
        found = new uint256[](32);
        found[0] = 0x21f6b4d28cdf5c015af030fa5884416a95f1d72134172b5d17099b3d6492bd3e;
        found[1] = 0x91e4c60e6d066e9229f4ac94096e3625f6f459f051c895acd43aa723926e1a1;
        found[2] = 0x610599ed40e8e70c395d1b4eac1821713b936953f8637a37e73f7ad1be77d51;
        found[3] = 0x2b9b34f1a4f9c525902ec8c8647cbe38893dfcf5a67d38c1f4bda09446e97643;
        found[4] = 0x7be3354efd594f7ebd1258e966c0fdfd4df7e30b515d3e9abe9a42244375856;
        found[5] = 0x2732c981221bbe7709d92d8ed5fb44b88233730f2a835ad7f22b3fc2cffc8cd7;
        found[6] = 0x8f06f00625c642eaa8aa8cfc308aeaf16b1b22121aec59befc4fb2e0b040330;
        found[7] = 0x9a1c49fa3eff2dbf37cb19e45c750d0991f069a4cb78c3474727cc291cbe595;
        found[8] = 0x57e7f79326a59d10665fd9558ac1e94bdab3d44de2ef7a9894315e593b970b4;
        found[9] = 0x2b0b077b9b5206e5dd0ebf4947fd8fb6afb23827bb9785637bbb99c247926eef;
        found[10] = 0x6e9685c081bdcb194c4c45167a25928f19567cb6de138cf065a046ca88171a0;
        found[11] = 0x22f25557a908e182f229040e2eadbce19d15b61f4f2448a810be2df770579441;
        found[12] = 0x6c5913763e014a0db42df62303ea35552144fe85fb5e85a8af439c366a427c7;
        found[13] = 0x2bb75a51cdb8dbcd3097db189e7a7ed03ffd46df0ccf07fb42d1e7e373a4823d;
    }

    function _proof() private pure returns (uint256[8] memory found) {
        found[0] = 0x2965b75bdb05f02b31df22c7cc906b4e69009602cf1344e724b7702974a59170;
        found[1] = 0x2976b985e3258c781ffe26e2c63ccdf0fd2317fd39a56e775a954205b0df5490;
        found[2] = 0x3824a458274e84771abd925d2feac9ac5901e9120b0d03b77e45d0be59d5312;
        found[3] = 0x178a9cf8be7878eb69a87774e02e807da05356c1f11262aed3964b57c5fa8ef4;
        found[4] = 0x1094a1f2eb6c560eca050e019e2905d49eb1209474f93e89e761d65eeed39512;
        found[5] = 0x1a7867f05a02c8bc994b59d3d8c2c70fd13ad14d0e7e7a7925b93439b1d19089;
        found[6] = 0xeb28c1a1b8fdb813c49ab60e8db538dbffb4d5da3e2d2027d2b835800493bf8;
        found[7] = 0xab3e1dd4b00a40cc59ba28312626db046a53c02d292e5396340cd0355f1efb2;
    }
}
